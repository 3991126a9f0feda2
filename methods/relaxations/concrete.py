"""SNAS' relaxation: nearly one operation per edge, sampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.relaxations.gumbel import Gumbel
from methods.relaxations.relaxation import NOTHING
from methods.schedules.clock import Clock
from spaces.space import Space

MEAN, DEVIATION = 1.0, 0.01
"""Of the logits that a search begins with (SNAS README: --loc_mean 1 --loc_std 0.01)."""


@dataclass(frozen=True)
class Concrete(Gumbel):
    """softmax((alpha + G) / temperature) per edge, G Gumbel noise (SNAS, Xie et al., ICLR 2019; SNAS-Series
    SNAS/model_search.py:281-285,665-670): a sample of the Concrete distribution, close to one-hot once the temperature
    is low. All operations run. The noise is drawn and shared as GDAS' is."""

    temperature: float = setting(1.0, "SNAS utils.py:128-148", minimum=1e-6)
    temperature_end: float = setting(0.03, "same place; linear from the first epoch to the last", minimum=1e-6)

    def initial(self, space: Space, draw: Generator) -> Tensor:
        return MEAN + DEVIATION * torch.randn(self.size(space), generator=draw)

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        return self.soft(alpha, space, clock, draw)
