"""Random search, the multi-point gradient estimator of ZARTS-RS (paper, Eq. 4 and Table 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.rule import Draw, Memory, Move, around, normal, sphere, weighed
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class RandomSearch:
    """u* = -xi phi(d) / (2 mu N) sum_i [L(alpha + mu u_i) - L(alpha - mu u_i)] u_i: 2N losses per update.

    phi(d) is 1 for normal directions and d for directions on the unit sphere.
    """

    together: ClassVar[bool] = True
    samples: int = setting(4, "N, ZARTS supplement 2.2", minimum=1)
    mu: float = setting(0.1, "ZARTS vis_optimzation.py:72-78 (the paper gives none for the search)", minimum=1e-12)
    xi: float = setting(0.1, "open in the paper; choice: steps about as long as GLD's", minimum=0)
    directions: str = setting(
        "sphere", "ZARTS vis_optimzation.py:72-78; the paper allows both", choices=("sphere", "normal")
    )

    def start(self, alpha: Tensor) -> Memory:
        return {}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        gradient, losses = self.estimate(alpha, oracle, draw)
        step = -self.xi * gradient
        diagnostics = {
            "candidate_loss": losses.mean(dim=-1),
            "gradient_norm": gradient.norm(dim=-1),
            "step_norm": step.norm(dim=-1),
        }
        return Move(alpha + step, {}, diagnostics)

    def estimate(self, alpha: Tensor, oracle: Oracle, draw: Draw) -> tuple[Tensor, Tensor]:
        """The estimated gradient (..., d) of the oracle's loss, and the losses (..., 2N) that it is made of."""
        on_sphere = self.directions == "sphere"
        u = (sphere if on_sphere else normal)(draw, self.samples, alpha)
        losses = oracle.losses(torch.cat([around(alpha, self.mu * u), around(alpha, -self.mu * u)], dim=-2))
        plus, minus = losses.chunk(2, dim=-1)
        phi = alpha.shape[-1] if on_sphere else 1
        return weighed(phi / (2 * self.mu * self.samples) * (plus - minus).to(u), u), losses
