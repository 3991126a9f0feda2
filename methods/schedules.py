"""Schedules: what happens when."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.settings import setting


@dataclass(frozen=True)
class Clock:
    """Where a search is: `epoch` of `epochs`, of which the first `warmup` left alpha alone."""

    epoch: int
    epochs: int
    warmup: int

    def cosine(self, lag: int = 0) -> float:
        """From 1 at the first epoch after the warm-up towards 0 after the last; `lag` epochs late."""
        elapsed = max(0, self.epoch - lag - self.warmup)
        return (1 + math.cos(math.pi * elapsed / (self.epochs - self.warmup))) / 2

    def linear(self) -> float:
        """From 0 at the first epoch to 1 at the last."""
        return self.epoch / max(1, self.epochs - 1)


@dataclass(frozen=True)
class Alternating:
    """alpha moves every `cadence` weight steps, from epoch `warmup` on, before or after the weight step."""

    warmup: int = setting(0, "ZARTS: 10, train_search.py:337 (code only); DARTS: none", minimum=0)
    cadence: int = setting(
        1,
        "DARTS: every step; ZARTS: 10, train_search.py:337,353, not tied to M (choice: published costs grow with M)",
        minimum=1,
    )
    order: str = setting(
        "alpha-first",
        "alpha-first: DARTS, ZARTS; weights-first: DARTS-V1 on NAS-Bench-201 (DARTS-V1.py:52-73)",
        choices=("alpha-first", "weights-first"),
    )

    def moves_alpha(self, epoch: int, step: int) -> bool:
        """Whether alpha moves at this weight step of this epoch."""
        return epoch >= self.warmup and step % self.cadence == 0
