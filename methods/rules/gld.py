"""Gradientless descent, the rule of ZARTS-GLD (paper, section 4.3, Eq. 10)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.rule import Draw, Memory, Move, around, sphere
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class GLD:
    """One candidate on each sphere of radius 2^-k R, k = 0..floor(log2(R/r)); alpha moves to the best candidate, or
    stays when none is below L(alpha). L(alpha) is evaluated like the candidates, fine-tuned on the same batches."""

    together: ClassVar[bool] = True
    radius: float = setting(
        0.13, "R, ZARTS vis_optimzation.py:501-516 (the only published values)", minimum=1e-12, maximum=1e3
    )
    smallest_radius: float = setting(
        4.69e-6, "r, same place: R/r = 27,719 at d = 196, 15 candidates; kept for every d (choice)", minimum=1e-12
    )

    def start(self, alpha: Tensor) -> Memory:
        return {}

    def radii(self, alpha: Tensor) -> Tensor:
        """R, R/2, R/4, ... down to no less than r, as a column (K+1, 1)."""
        count = max(0, math.floor(math.log2(self.radius / self.smallest_radius))) + 1
        return self.radius * 0.5 ** torch.arange(count, dtype=alpha.dtype, device=alpha.device)[:, None]

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        radii = self.radii(alpha)
        candidates = torch.cat([alpha[..., None, :], around(alpha, radii * sphere(draw, len(radii), alpha))], dim=-2)
        losses = oracle.losses(candidates)
        # argmin takes the first of equals, and alpha comes first: a tie stays. A diverged candidate never wins. To take
        # rows by a scalar would be to wait for its value.
        best = torch.where(losses.isfinite(), losses, torch.inf).argmin(-1, keepdim=True)
        lowest = candidates.take_along_dim(best[..., None], dim=-2)[..., 0, :]
        chosen = torch.where(losses[..., :1].isfinite(), lowest, torch.nan)  # nowhere to compare from
        return Move(
            chosen,
            {},
            {
                "candidate_loss": losses.mean(dim=-1),
                "moved": (best[..., 0] > 0).to(alpha),
                "step_norm": (chosen - alpha).norm(dim=-1),
                "improvement": losses[..., 0] - losses.take_along_dim(best, dim=-1)[..., 0],
            },
        )
