"""The schedule of methods without an alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from methods.schedules.clock import Clock
from methods.schedules.schedule import Schedule


@dataclass(frozen=True)
class WeightsOnly(Schedule):
    """Only the weights are trained; alpha never moves, and its rule is never asked."""

    has_alpha: ClassVar[bool] = False

    def moves_alpha(self, clock: Clock, step: int) -> bool:
        return False
