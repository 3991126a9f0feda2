"""PR-DARTS' regulariser: sparse groups of operations, and a long path of convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.settings import setting
from methods.objectives.objective import Objective, Point
from methods.relaxations.relaxation import Relaxation
from methods.schedules.clock import Clock
from spaces.cells import Edge
from spaces.space import Space

GROUPS = ("skip", "convolution", "pool")
Cells = tuple[tuple[Edge, ...], ...]


@runtime_checkable
class Activating(Protocol):
    """A relaxation with gates that are 0 or not, each with a probability."""

    def activation(self, alpha: Tensor, space: Space, clock: Clock) -> Tensor:
        """The probability of every gate that it is not 0 (rows, widest)."""
        ...


@dataclass(frozen=True)
class PathDepth(Objective):
    """sparsity_skip [skip - hinge]+ + sparsity_others ([convolution - hinge]+ + [pool - hinge]+) - path_reward P
    (PR-DARTS, Zhou et al., NeurIPS 2020; PRDARTS_search/search_model_prdarts_nasnet.py:184-255, test_PRDARTS.py:
    260-269).

    The value of a group is the mean activation probability of those of its operations that were sampled, kind of cell
    by kind, then the mean over the kinds; 0 where there is none. The convolutions' group has `none` in it, the pools'
    `noise` (choice), and a group that a space lacks is 0. P is the mean over the kinds of a product: over the edges
    into a node from the state just before it, the mean probability of the convolutions sampled there; edges without one
    are left out, and a cell whose edges all are has 0 (choice). NAS-Bench-201's cell has such a path of three edges
    (choice).
    What was sampled is constant; the gradient is that of the probabilities.
    """

    sparsity_skip: float = setting(0.01, "PR-DARTS test_PRDARTS.py:260-269: lambda 1", minimum=0)
    sparsity_others: float = setting(0.005, "same place: lambda 2", minimum=0)
    path_reward: float = setting(0.005, "same place: lambda 3", minimum=0)
    hinge: float = setting(0.2, "same place: the value of a group that costs nothing", minimum=0, maximum=1)

    def check(self, relaxation: Relaxation) -> None:
        if not isinstance(relaxation, Activating):
            raise HarnessError(
                f"the path-depth objective needs the probability of every gate, which {type(relaxation).__name__} does "
                "not have; the hard-concrete relaxation does."
            )

    def term(self, at: Point) -> Tensor:
        self.check(at.relaxation)
        assert isinstance(at.relaxation, Activating)
        probability = at.relaxation.activation(at.alpha, at.space, at.clock)
        groups, kinds, path = _masks(tuple(at.space.cells.values()), probability.device)
        of_kind = [kind[:, None] & (at.gates.detach() != 0) for kind in kinds]
        values = [
            torch.stack([_mean(probability, own & (groups == group)) for own in of_kind]).mean()
            for group in range(len(GROUPS))
        ]
        skip, convolution, pool = ((value - self.hinge).clamp(min=0) for value in values)
        depth = torch.stack([_product(probability, own & path) for own in of_kind]).mean()
        return self.sparsity_skip * skip + self.sparsity_others * (convolution + pool) - self.path_reward * depth


def _mean(values: Tensor, some: Tensor) -> Tensor:
    """Of some of the values; 0 of none."""
    return (values * some).sum() / some.sum().clamp(min=1)


def _product(values: Tensor, some: Tensor) -> Tensor:
    """Of the means of some of the values of every row, where there are any; 0 where no row has any."""
    count = some.sum(dim=1)
    means = (values * some).sum(dim=1) / count.clamp(min=1)
    return means.where(count > 0, 1.0).prod() * some.any()


def _group(operation: str) -> int:
    if operation == "skip_connect":
        return GROUPS.index("skip")
    return GROUPS.index("convolution" if operation == "none" or "conv" in operation else "pool")


@lru_cache
def _masks(cells: Cells, device: torch.device) -> tuple[Tensor, Sequence[Tensor], Tensor]:
    """The group of every operation (rows, widest), -1 for padding; for every kind of cell its rows; and the
    convolutions on the edges into a node from the state just before it (rows, widest)."""
    edges = [edge for own in cells for edge in own]
    widest = max(len(edge.operations) for edge in edges)
    groups, path = torch.full((len(edges), widest), -1), torch.zeros(len(edges), widest, dtype=torch.bool)
    for row, edge in enumerate(edges):
        for column, name in enumerate(edge.operations):
            groups[row, column] = _group(name)
            path[row, column] = edge.source == edge.target - 1 and "conv" in name
    kinds = [[number == kind for number, own in enumerate(cells) for _ in own] for kind in range(len(cells))]
    return groups.to(device), [torch.tensor(kind, device=device) for kind in kinds], path.to(device)
