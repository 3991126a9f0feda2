"""Random gradient-free search with the losses at two points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.estimating import forward_gradient, of_descent
from methods.rules.rule import Draw, Memory, Move, normal
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class TwoPoint:
    """u* = -h [L(alpha + nu v) - L(alpha)] / nu v with v ~ N(0, I): the random gradient-free oracle g_mu and the method
    RG_mu of Nesterov & Spokoiny, Foundations of Computational Mathematics 17 (2017), Eq. 30 and 54 (the numbers of the
    equations from memory, unchecked)."""

    together: ClassVar[bool] = True
    two_point_nu: float = setting(0.01, "the paper's mu, which must be small; choice", minimum=1e-12)
    two_point_h: float = setting(
        0.05, "h, 1 / [4 (d + 4) L1] in theory; choice: steps about as long as GLD's at the beginning", minimum=0
    )

    def start(self, alpha: Tensor) -> Memory:
        return {}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        direction = normal(draw, 1, alpha)
        gradient, losses = forward_gradient(oracle, alpha, direction, self.two_point_nu)
        step = -self.two_point_h * gradient
        return Move(alpha + step, {}, of_descent(step, gradient, losses))
