"""Simultaneous perturbation stochastic approximation: two losses per update, whatever the size of alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.estimating import central_gradient, of_descent
from methods.rules.rule import Draw, Memory, Move, each
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class SPSA:
    """u* = -a_k g, g_i = [L(alpha + c_k D) - L(alpha - c_k D)] / (2 c_k D_i), with D_i = -1 or 1 at random, and gains
    that fall: a_k = a / (A + k)^0.602 and c_k = c / k^0.101, k = 1, 2, ...

    Spall, IEEE Transactions on Automatic Control 37 (1992); its gains, Spall, IEEE Transactions on Aerospace and
    Electronic Systems 34 (1998), section III (from memory, unchecked)."""

    together: ClassVar[bool] = True
    spsa_a: float = setting(0.3, "a; choice: steps about as long as GLD's at the beginning", minimum=0)
    spsa_stability: float = setting(10.0, "A, Spall 1998: a tenth of the updates, or less", minimum=0)
    spsa_c: float = setting(0.1, "c; choice: as far as ZARTS-RS looks, in every coordinate", minimum=1e-12)
    spsa_a_decay: float = setting(0.602, "Spall 1998; 1 is optimal in the limit", minimum=0, maximum=1)
    spsa_c_decay: float = setting(0.101, "Spall 1998; 1/6 is optimal in the limit", minimum=0, maximum=1)

    def start(self, alpha: Tensor) -> Memory:
        return {"updates": alpha.new_zeros((), dtype=torch.float64)}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        k = memory["updates"] + 1
        gain = (self.spsa_a / (self.spsa_stability + k) ** self.spsa_a_decay).to(alpha)
        distance = (self.spsa_c / k**self.spsa_c_decay).to(alpha)
        drawn = each(draw, lambda own: torch.randint(2, (1, alpha.shape[-1]), generator=own))
        signs = (2 * drawn - 1).to(alpha)
        gradient, losses = central_gradient(oracle, alpha, signs, distance[..., None])  # 1 / D_i is D_i
        step = -gain[..., None] * gradient
        return Move(alpha + step, {"updates": k}, {**of_descent(step, gradient, losses), "distance": distance})
