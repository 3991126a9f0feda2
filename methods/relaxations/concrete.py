"""SNAS' relaxation: nearly one operation per edge, sampled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from harness.core.settings import setting
from methods.relaxations.gumbel import Gumbel
from methods.relaxations.relaxation import NOTHING
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class Concrete(Gumbel):
    """softmax((alpha + G) / temperature) per edge, G Gumbel noise (SNAS, Xie et al., ICLR 2019; SNAS-Series
    SNAS/model_search.py:281-285,665-670): a sample of the Concrete distribution, close to one-hot once the temperature
    is low. All operations run. The noise is drawn and shared as GDAS' is."""

    begins: ClassVar[tuple[float, float]] = (1.0, 0.01)  # SNAS README: --loc_mean 1 --loc_std 0.01
    temperature: float = setting(1.0, "SNAS utils.py:128-148", minimum=1e-6)
    temperature_end: float = setting(0.03, "same place; linear from the first epoch to the last", minimum=1e-6)
    temperature_decay: float = setting(
        0.0,
        "0: linear; else temperature * exp(-this * epoch), as in FBNet, where it is 0.045",
        minimum=0,
        omit_default=True,
    )

    def temperature_at(self, clock: Clock) -> float:
        if self.temperature_decay:
            return self.temperature * math.exp(-self.temperature_decay * clock.epoch)
        return super().temperature_at(clock)

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        return self.soft(alpha, space, clock, draw)

    def chances(self, alpha: Tensor, space: Space, clock: Clock, draw: Generator) -> Tensor:
        return self.soft(alpha, space, clock, draw)
