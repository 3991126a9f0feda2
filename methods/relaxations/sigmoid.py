"""FairDARTS' relaxation: operations that do not compete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from methods.relaxations.relaxation import NOTHING, Relaxation, rows_of
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class Sigmoid(Relaxation):
    """One sigmoid for every operation, so that several of an edge can be strong, or none (FairDARTS, Chu et al., ECCV
    2020; fairdarts/model_search.py:106-126). alpha starts at exactly 0, all gates at one half, as there."""

    begins: ClassVar[tuple[float, float]] = (0.0, 0.0)

    def strengths(self, alpha: Tensor, space: Space, memory: Mapping[str, Tensor] = NOTHING) -> Tensor:
        return rows_of(alpha, space.widths).sigmoid()

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        return self.strengths(alpha, space, memory)
