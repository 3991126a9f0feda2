"""One softmax over each edge's operations, the relaxation of DARTS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from methods.relaxations.relaxation import NOTHING, Relaxation
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class Softmax(Relaxation):
    """One softmax over each edge's operations (DARTS, Eq. 2)."""

    is_strengths: ClassVar[bool] = True

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        return self.strengths(alpha, space, memory)
