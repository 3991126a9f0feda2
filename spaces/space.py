"""What a search space is: cells as lists of edges with candidate operations, and the rule that derives a genotype.

A space is data and pure functions; its networks are built on demand, so listing the spaces needs no torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from harness.core import notebook
from harness.core.genotype import Genotype
from spaces.cells import Edge

if TYPE_CHECKING:
    from torch import nn

    from spaces.supernet import Outgoing, Supernet


class Pick(NamedTuple):
    """An operation of a mixed edge by its row and its column in alpha."""

    row: int
    column: int


@dataclass(frozen=True)
class Final:
    """The size at which a final network's parameters are quoted unless a protocol says otherwise."""

    channels: int
    cells: int
    per_stage: bool = False
    """Whether so many cells are in each of the network's stages, not in all."""


@dataclass(frozen=True, repr=False)
class Space(ABC):
    """A cell-based search space.

    alpha is one flat vector (d,): the logits of all edges of all kinds of cell, kind by kind, edge by edge.
    """

    name: str
    summary: str
    source: str
    cells: Mapping[str, tuple[Edge, ...]]
    final: Final
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The hyper-parameters that this space's experiments set differently from a method's own defaults."""
    table: str = ""
    """The name of the table that it is searched on, in `harness.tables.TABLES`; empty: it is searched on images."""
    imagenet: Final | None = None
    """The size at which its networks for ImageNet are quoted; None where it has none."""

    has_networks: ClassVar[bool] = True
    """Whether its architectures are networks here; others are known by a table alone."""

    def __repr__(self) -> str:
        return f"<space {self.name}: {self.summary}, d = {self.dimension}>"

    def _repr_html_(self) -> str:
        cells = ", ".join(f"{kind}: {len(edges)} edges" for kind, edges in self.cells.items())
        operations = ", ".join(dict.fromkeys(name for edge in self.edges for name in edge.operations))
        rows = [("what", self.summary), ("source", self.source), ("cells", cells), ("operations", operations)]
        return notebook.table(f"Space {self.name}", [*rows, ("dimension of alpha", self.dimension)])

    @property
    def edges(self) -> tuple[Edge, ...]:
        """All mixed edges in alpha's row order."""
        return tuple(edge for edges in self.cells.values() for edge in edges)

    @property
    def widths(self) -> tuple[int, ...]:
        """How many candidate operations each row of alpha has."""
        return tuple(len(edge.operations) for edge in self.edges)

    @property
    def dimension(self) -> int:
        return sum(self.widths)

    def derivable(self, operation: str) -> bool:
        """Whether an operation can be part of a derived cell."""
        return True

    def keeps_channels(self, edge: Edge) -> bool:
        """Whether an edge's operations have as many channels as they read."""
        return True

    def in_words(self, channels: int, cells: int) -> str:
        """A final network's size."""
        return f"{cells} cells{' per stage' if self.final.per_stage else ''}, {channels} channels"

    def as_large(self, genotype: Genotype) -> Genotype:
        """A genotype whose network has as many parameters and MACs, the same for as many genotypes as possible."""
        return genotype

    def restricted(self, kept: Sequence[Sequence[str]]) -> Self:
        """This space with only the kept operations on its edges, one entry per row of alpha; their order stays. An edge
        that keeps none is gone."""
        rows = iter(kept)
        cells = {
            kind: tuple(
                replace(edge, operations=tuple(name for name in edge.operations if name in row))
                for edge, row in zip(edges, rows, strict=False)
                if row
            )
            for kind, edges in self.cells.items()
        }
        return replace(self, cells=cells)

    def derive(self, probabilities: Sequence[Sequence[float]]) -> Genotype:
        """The genotype for one row of operation probabilities per edge, in alpha's row order."""
        cells, start = [], 0
        for kind, edges in self.cells.items():
            cells.append((kind, self._derive_cell(edges, probabilities[start : start + len(edges)])))
            start += len(edges)
        return Genotype(tuple(cells))

    def completed(self, genotype: Genotype) -> Genotype:
        """The genotype of the final network that is made of derived cells: with all that every network of this space
        has besides. What `decode` makes has it."""
        return genotype

    @property
    @abstractmethod
    def choices(self) -> tuple[tuple[int, ...], ...]:
        """A genotype as independent choices, for methods without an alpha: for each node of each cell, how many options
        each of its choices has. The genotypes that `decode` makes of them are legal, and all of them."""

    @abstractmethod
    def decode(self, code: Sequence[int]) -> Genotype:
        """The genotype for one option per choice, all nodes' choices in a row."""

    def picked(self, code: Sequence[int]) -> Sequence[Sequence[Pick]]:
        """The operations of that genotype as alpha has them, node by node."""
        raise NotImplementedError(f"{type(self).__name__} does not say which operations a genotype picks")

    def with_none(self) -> Self:
        """This space with `none` among the choices of every edge that has it, where it leaves the edge out. Where it is
        among them already, or no edge has it, the space itself."""
        return self

    @abstractmethod
    def _derive_cell(self, edges: Sequence[Edge], probabilities: Sequence[Sequence[float]]) -> Any: ...

    @abstractmethod
    def macro(self) -> Any:
        """The supernet's size, as a dataclass of settings at the published values."""

    @abstractmethod
    def divisor(self, macro: Any) -> int:
        """By how much the supernet divides the side of its images: the side must be a multiple."""

    @abstractmethod
    def supernet(self, macro: Any, classes: int, outgoing: Outgoing) -> Supernet:
        """The one-shot network that holds all candidates. `outgoing` builds what leaves one state of a cell: the edge
        part of a method, e.g. `spaces.supernet.SumOfOperations`."""

    def operation(self, name: str, c_in: int, channels: int, stride: int) -> nn.Module:
        """An operation as it is in a final network, (B, c_in, H, W) to (B, channels, H/stride, W/stride). Cells bring
        their inputs to their own channels first."""
        from spaces.operations import OPERATIONS

        return OPERATIONS[name](channels, stride, True)

    def derived(self, genotype: Genotype, macro: Any, classes: int) -> nn.Module:
        """The final network of a genotype at a supernet's size."""
        size = {"cells": 1, "stem": "cifar", **vars(macro)}
        return self.network(genotype, size["channels"], size["cells"], classes, size["stem"])

    @abstractmethod
    def network(
        self, genotype: Genotype, channels: int, cells: int, classes: int, stem: str = "cifar", auxiliary: bool = False
    ) -> nn.Module:
        """The final network of a genotype of this space."""


def argmax(values: Sequence[float], allowed: Sequence[int]) -> int:
    """The allowed index with the largest value; the smaller index on a tie."""
    return max(allowed, key=lambda i: (values[i], -i))
