"""ZO-AdaMM: Adam with a memory of its largest steps, on an estimated gradient."""

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
class ZOAdam:
    """u* = -eta m / sqrt(w): m and v are running means of g and g^2, w the largest v so far, and g the estimate
    d / (mu N) sum_i [L(alpha + mu u_i) - L(alpha)] u_i with u_i on the unit sphere.

    Chen et al., "ZO-AdaMM", NeurIPS 2019, Algorithm 1 without a constraint; KaidiXu/ZO-AdaMM universal.py, which
    divides by sqrt(v), where the paper and we divide by sqrt(w). Neither corrects the means for their beginning."""

    together: ClassVar[bool] = True
    samples: int = setting(4, "N, q there; as many as ZARTS has candidates (choice; 10 in universal.py)", minimum=1)
    mu: float = setting(0.1, "choice: as far as ZARTS-RS looks; 0.005 in universal.py, for pixels", minimum=1e-12)
    zo_adam_lr: float = setting(0.1, "eta; choice: steps about as long as GLD's at the beginning", minimum=0)
    zo_adam_beta1: float = setting(0.9, "KaidiXu/ZO-AdaMM universal.py", minimum=0, maximum=1)
    zo_adam_beta2: float = setting(0.3, "KaidiXu/ZO-AdaMM universal.py", minimum=0, maximum=1)
    zo_adam_square: float = setting(1e-7, "v and w at the start; KaidiXu/ZO-AdaMM universal.py", minimum=1e-30)

    def start(self, alpha: Tensor) -> Memory:
        square = torch.full_like(alpha, self.zo_adam_square)
        return {"mean": torch.zeros_like(alpha), "square": square, "largest": square.clone()}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        u = sphere(draw, self.samples, alpha)
        mean, losses = forward_gradient(oracle, alpha, u, self.mu)
        gradient = alpha.shape[-1] * mean
        momentum = torch.lerp(memory["mean"], gradient, 1 - self.zo_adam_beta1)
        square = torch.lerp(memory["square"], gradient.square(), 1 - self.zo_adam_beta2)
        largest = torch.maximum(memory["largest"], square)
        step = -self.zo_adam_lr * momentum / largest.sqrt()
        return Move(
            alpha + step,
            {"mean": momentum, "square": square, "largest": largest},
            of_descent(step, gradient, losses),
        )
