"""Schedules that decide a cell edge by edge while the supernet is trained on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from methods.derivations.derivation import Choices, Standing
from methods.schedules.alternating import Alternating
from methods.schedules.schedule import KeptOperations


@dataclass(frozen=True)
class Node:
    """A node of a cell by the rows of the edges into it, and how many of them the cell has."""

    rows: Sequence[int]
    inputs: int


@dataclass(frozen=True)
class Deciding(Alternating):
    """With every stage one decision in each kind of cell. An edge that is decided has one operation left, and one that
    is not in the cell has none: the supernet becomes the cell that is found."""

    decides: ClassVar[bool] = True

    def keep(self, at: Standing, past: Sequence[Choices], number: int) -> KeptOperations:
        kept = [list(names) for names in at.kept]
        for nodes in nodes_of(at).values():
            self.decide(at, past, nodes, kept)
        return kept

    @abstractmethod
    def decide(self, at: Standing, past: Sequence[Choices], nodes: Sequence[Node], kept: KeptOperations) -> None:
        """The next decision about a kind of cell, in place on what is kept of all edges; none once it is decided."""


def nodes_of(at: Standing) -> dict[str, list[Node]]:
    """The nodes of each kind of cell, with as many inputs as the space's own rule gives them."""
    derived, found, first = at.space.derive(at.strengths), {}, 0
    for kind, edges in at.whole.cells.items():
        cell = derived[kind]
        found[kind] = [
            Node([first + i for i, edge in enumerate(edges) if edge.target == target], len(node))
            for target, node in enumerate(cell.nodes, start=cell.inputs)
        ]
        first += len(edges)
    return found
