"""Gradient descent on alpha with Adam: the rule of DARTS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.rule import Draw, Memory, Move
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class Adam:
    """torch.optim.Adam's update with L2 weight decay, on the oracle's gradient (DARTS architect.py:17-37)."""

    together: ClassVar[bool] = True
    compares: ClassVar[bool] = False
    alpha_lr: float = setting(3e-4, "DARTS architect.py:17-37", minimum=0)
    alpha_beta1: float = setting(0.5, "DARTS architect.py:17-37", minimum=0, maximum=1)
    alpha_beta2: float = setting(0.999, "DARTS architect.py:17-37", minimum=0, maximum=1)
    alpha_weight_decay: float = setting(1e-3, "DARTS architect.py:17-37", minimum=0)
    alpha_eps: float = setting(1e-8, "torch.optim.Adam's default", minimum=0)
    alpha_clip: float = setting(
        0.0, "the largest norm of the gradient, 0: any; P-DARTS train_search.py: 5, DARTS: none", minimum=0
    )

    def start(self, alpha: Tensor) -> Memory:
        return {
            "mean": torch.zeros_like(alpha),
            "square": torch.zeros_like(alpha),
            "updates": alpha.new_zeros((), dtype=torch.float64),
        }

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        gradient = oracle.gradient(alpha)
        if self.alpha_clip:
            gradient = gradient * (self.alpha_clip / (gradient.norm(dim=-1, keepdim=True) + 1e-6)).clamp(max=1.0)
        decayed = gradient + self.alpha_weight_decay * alpha
        updates = memory["updates"] + 1
        mean = torch.lerp(memory["mean"], decayed, 1 - self.alpha_beta1)
        square = torch.lerp(memory["square"], decayed.square(), 1 - self.alpha_beta2)
        correction1 = (1 - self.alpha_beta1**updates).to(alpha)[..., None]
        correction2 = (1 - self.alpha_beta2**updates).to(alpha)[..., None]
        step = -self.alpha_lr * (mean / correction1) / ((square / correction2).sqrt() + self.alpha_eps)
        return Move(
            alpha + step,
            {"mean": mean, "square": square, "updates": updates},
            {"gradient_norm": gradient.norm(dim=-1), "step_norm": step.norm(dim=-1)},
        )
