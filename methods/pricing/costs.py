"""What architectures cost: at the gates of a search, on average, and each by itself.

Some costs are sums over the operations of an architecture; the cost of a cell that was measured whole is none, and its
mean is over all cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from harness.tables.costs import EdgeCosts, Place, in_words
from harness.tables.ground_truth import Grid
from harness.tables.nasbench201 import GRID
from methods.pricing.expectation import expected
from spaces.prices import Prices
from spaces.space import Space

Rows = tuple[tuple[Place, tuple[str, ...]], ...]
"""The edges of a space, each with the operations that it has left."""
ABSENT = "none"
"""The operation of an edge that is gone, where cells have one on every edge."""


class CostOf(Protocol):
    """One kind of cost of the architectures of a space."""

    def at(self, gates: Tensor, space: Space) -> Tensor:
        """Its mean at the gates (rows, widest) of the space with the operations that are left, a scalar, differentiable
        in the gates."""
        ...

    def of(self, genotype: Genotype) -> float:
        """That of one architecture."""
        ...

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that it can be."""
        ...


@dataclass(frozen=True, eq=False)
class Sum:
    """A sum over operations: its mean is that of the gates times the costs, edge by edge, whatever the gates are."""

    prices: Prices
    space: Space
    """With all its operations."""

    def at(self, gates: Tensor, space: Space) -> Tensor:
        return (gates * self._priced(_rows(space)).to(gates)).sum() + self.prices.around

    def of(self, genotype: Genotype) -> float:
        return self.prices.of(self.space, genotype)

    @property
    def bounds(self) -> tuple[float, float]:
        least, most = (sum(some(own.values()) for own in self.prices.edges) for some in (min, max))
        return self.prices.around + least, self.prices.around + most

    @lru_cache(maxsize=8)  # noqa: B019, one of these lives as long as its search
    def _priced(self, rows: Rows) -> Tensor:
        """(rows, widest) float64, 0 where there is no operation."""
        prices = dict(zip(dict(_rows(self.space)), self.prices.edges, strict=True))
        found = torch.zeros(len(rows), max(len(names) for _, names in rows), dtype=torch.float64)
        for row, (edge, names) in enumerate(rows):
            for column, name in enumerate(names):
                found[row, column] = prices[edge][name]
        return found


@dataclass(frozen=True)
class OfCells:
    """A number for every cell: its mean is over all of them, at gates that are a distribution over an edge's
    operations."""

    grid: Tensor
    """An axis for each edge, float64."""
    space: Space

    def at(self, gates: Tensor, space: Space) -> Tensor:
        grid, own = self.grid.to(gates), []
        left = {edge: (names, row) for (edge, names), row in zip(_rows(space), gates, strict=True)}
        for axis, (edge, names) in enumerate(_rows(self.space)):
            some, row = left.get(edge, ((ABSENT,), gates.new_ones(gates.shape[1])))
            grid = grid.index_select(axis, torch.tensor([names.index(name) for name in some], device=grid.device))
            own.append(row)
        return expected(grid, torch.stack(own)[None, None])[0, 0]

    def of(self, genotype: Genotype) -> float:
        (kind,) = self.space.cells
        nodes = enumerate(genotype[kind].nodes, start=1)
        at = {(kind, source, target): name for target, node in nodes for name, source in node}
        return float(self.grid[tuple(names.index(at[edge]) for edge, names in _rows(self.space))])

    @property
    def bounds(self) -> tuple[float, float]:
        return float(self.grid.min()), float(self.grid.max())


def from_table(name: str, table: EdgeCosts, space: Space, where: str) -> Sum:
    """A cost of a table of operations. Raises HarnessError where it lacks an operation of the space."""
    for edge, names in _rows(space):
        for operation in names:
            if operation not in table.edges.get(edge, {}):
                raise HarnessError(
                    f"{where} has no {name} of {operation} on {in_words(edge)} of {space.name}; measure it, or add it."
                )
    edges = tuple({operation: table.edges[edge][operation] for operation in names} for edge, names in _rows(space))
    return Sum(Prices(table.around, edges), space)


def of_cells(grid: Grid, space: Space) -> OfCells:
    """A cost of NAS-Bench-201's cells. Raises HarnessError for a space of other cells."""
    if space.widths != GRID:
        raise HarnessError(f"HW-NAS-Bench's cells are NAS-Bench-201's; {space.name} has others.")
    return OfCells(torch.as_tensor(grid, dtype=torch.float64), space)


def _rows(space: Space) -> Rows:
    return tuple(
        ((kind, edge.source, edge.target), edge.operations) for kind, edges in space.cells.items() for edge in edges
    )
