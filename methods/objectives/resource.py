"""SNAS' resource constraint: operations cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import torch
from torch import Tensor

from harness.core.settings import setting
from methods.objectives.objective import Objective, Point
from spaces.counting import OperationCount, count_operation

CHANNELS, SIZE = 16, 32
"""Of the state that operations are counted on (choice): that of the first cell of a supernet on CIFAR-10."""


@dataclass(frozen=True)
class Resource(Objective):
    """weight * sum over the edges of the mean of log(1 + cost) over three costs: parameters, multiply-accumulates and
    memory access, each the gates times what the operations cost (SNAS, Xie et al., ICLR 2019; the sum and the mean of
    logarithms as its code's `log_penalty`). With the sampled gates of SNAS it is the cost of the sample, and its
    gradient is reparameterised as that of the loss.

    Choices: 1 is added so that an edge without a cost has the logarithm 0; operations are counted at one size, with
    stride 1, so that all cells of a kind cost the same and their mean is that of one.
    """

    resource_weight: float = setting(0.0, "SNAS: off by default; its README has 1.5e-3", minimum=0)

    def term(self, at: Point) -> Tensor | None:
        if not self.resource_weight:
            return None
        costs = _costs(tuple(edge.operations for edge in at.space.edges)).to(at.gates)
        return self.resource_weight * (at.gates * costs).sum(dim=2).log1p().mean(dim=0).sum()


@lru_cache
def _costs(rows: tuple[tuple[str, ...], ...]) -> Tensor:
    """What the operations of every edge cost (3, rows, widest), 0 where there is none; float64."""
    found = torch.zeros(3, len(rows), max(map(len, rows)), dtype=torch.float64)
    for row, names in enumerate(rows):
        for column, name in enumerate(names):
            count = _count(name)
            found[:, row, column] = torch.tensor([count.parameters, count.macs, count.memory])
    return found


@cache
def _count(name: str) -> OperationCount:
    return count_operation(name, CHANNELS, SIZE)
