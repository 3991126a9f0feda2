"""A space that is known by its table alone: independent choices, and no network.

An architecture is written as a chain: one cell, whose edges carry the options chosen, choice after choice. Choices of
one group are edges to one node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from harness.core.errors import HarnessError
from harness.core.genotype import Cell, Genotype
from spaces.cells import Edge
from spaces.every_edge import EveryEdgeSpace
from spaces.space import Final, argmax

if TYPE_CHECKING:
    from spaces.supernet import Outgoing


@dataclass(frozen=True, repr=False)
class TabularSpace(EveryEdgeSpace):
    """Choices that are independent of one another; alpha has a distribution over the options of each."""

    has_networks: ClassVar[bool] = False

    def decode(self, code: Sequence[int]) -> Genotype:
        (kind,) = self.cells
        return Genotype(((kind, _chain(self.edges, code)),))

    def _derive_cell(self, edges: Sequence[Edge], probabilities: Sequence[Sequence[float]]) -> Cell:
        return _chain(edges, [argmax(row, range(len(row))) for row in probabilities])

    def macro(self) -> NoReturn:
        raise self._without_networks()

    def divisor(self, macro: Any) -> NoReturn:
        raise self._without_networks()

    def supernet(self, macro: Any, classes: int, outgoing: Outgoing) -> NoReturn:
        raise self._without_networks()

    def network(
        self, genotype: Genotype, channels: int, cells: int, classes: int, stem: str = "cifar", auxiliary: bool = False
    ) -> NoReturn:
        raise self._without_networks()

    def _without_networks(self) -> HarnessError:
        return HarnessError(f"{self.name} is known by its table alone; it has no networks.")


def tabular(table: str, choices: Mapping[str, Sequence[str]], summary: str, source: str, name: str) -> TabularSpace:
    """The space of a table with these options of each choice."""
    groups = [name.rpartition("/")[0] or (name,) for name in choices]
    nodes = [number for number, (_, own) in enumerate(groupby(groups)) for _ in own]
    chain = tuple(Edge(node, node + 1, tuple(options)) for node, options in zip(nodes, choices.values(), strict=True))
    return TabularSpace(name, summary, source, {table: chain}, Final(0, 0), table=table)


def _chain(edges: Sequence[Edge], code: Sequence[int]) -> Cell:
    """The cell with these options, by their numbers."""
    chosen = [(edge.target, (edge.operations[option], edge.source)) for edge, option in zip(edges, code, strict=True)]
    nodes = tuple(tuple(edge for _, edge in node) for _, node in groupby(chosen, key=lambda item: item[0]))
    return Cell(1, nodes, (len(nodes),))
