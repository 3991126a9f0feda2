"""Where a search is in its epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """Where a search is: `epoch` of `epochs`, of which the first `warmup` left alpha alone."""

    epoch: int
    epochs: int
    warmup: int
    rate: float = 1.0
    """The share of the learning rate that the weights are trained with."""

    def cosine(self, lag: int = 0) -> float:
        """From 1 at the first epoch after the warm-up towards 0 after the last; `lag` epochs late."""
        elapsed = max(0, self.epoch - lag - self.warmup)
        return (1 + math.cos(math.pi * elapsed / (self.epochs - self.warmup))) / 2

    def linear(self) -> float:
        """From 0 at the first epoch to 1 at the last."""
        return self.epoch / max(1, self.epochs - 1)

    def between(self, first: float, last: float) -> float:
        """From `first` at the first epoch to `last` at the last, linearly."""
        return first + (last - first) * self.linear()


@dataclass(frozen=True)
class Stage:
    """A span of epochs with one supernet, by its number from 0, and the clock of an epoch in it."""

    number: int
    clock: Clock
