"""The relaxation of methods without an alpha: every sub-network is as good as any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from methods.relaxations.relaxation import NOTHING, Relaxation, within
from methods.schedules.clock import Clock
from methods.strategies.strategy import uniform
from spaces.paths import path_gates
from spaces.space import Space


@dataclass(frozen=True)
class UniformPaths(Relaxation):
    """There are no logits. The gates are those of a uniformly random genotype, drawn anew for every forward, and all
    operations are equally strong: the cell in the records of a search, until it has chosen one, is the first of all and
    says nothing. Goes with an edge that runs what has a gate."""

    samples_genotypes: ClassVar[bool] = True

    def size(self, space: Space) -> int:
        return 0

    def initial(self, space: Space, draw: Generator) -> Tensor:
        return torch.zeros(0)

    def strengths(self, alpha: Tensor, space: Space, memory: Mapping[str, Tensor] = NOTHING) -> Tensor:
        rows = within(space.widths, alpha.device).to(alpha)
        return rows / rows.sum(dim=1, keepdim=True)

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        return path_gates(space, uniform(space.choices, draw)).to(alpha)
