"""ZO-signSGD: the signs of an estimated gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.estimating import forward_gradient, of_descent
from methods.rules.rule import Draw, Memory, Move, sphere
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class ZOSign:
    """u* = -delta sign(g), g = d / (mu N) sum_i [L(alpha + mu u_i) - L(alpha)] u_i with u_i on the unit sphere.

    Liu et al., "signSGD via zeroth-order oracle", ICLR 2019, Algorithm 1 and Eq. 3 (from memory, unchecked). Of a
    loss that is the same everywhere the signs are 0."""

    together: ClassVar[bool] = True
    samples: int = setting(4, "N, the paper's q; as many as ZARTS has candidates (choice; 10 in the paper)", minimum=1)
    mu: float = setting(0.1, "choice: as far as ZARTS-RS looks", minimum=1e-12)
    sign_delta: float = setting(
        0.01, "the step of every coordinate; choice: about as long as GLD's at the beginning", minimum=0
    )

    def start(self, alpha: Tensor) -> Memory:
        return {}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        u = sphere(draw, self.samples, alpha)
        mean, losses = forward_gradient(oracle, alpha, u, self.mu)
        gradient = alpha.shape[-1] * mean
        signs = torch.where(gradient.isnan(), torch.nan, gradient.sign())  # of what is not a number torch's sign is 0
        step = -self.sign_delta * signs
        return Move(alpha + step, {}, of_descent(step, gradient, losses))
