"""Spaces whose genotypes keep every edge: what is to be found is the operation on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.genotype import Cell, Genotype
from spaces.cells import Edge
from spaces.space import Pick, Space, argmax


@dataclass(frozen=True, repr=False)
class EveryEdgeSpace(Space):
    """Cells of one kind and one input, whose every edge carries one operation; the last state is the output. The edges
    are listed by target, and every state after the input is the target of one."""

    @property
    def choices(self) -> tuple[tuple[int, ...], ...]:
        """Per node, the operation on each of its edges."""
        return tuple(
            tuple(len(edge.operations) for edge in self.edges if edge.target == target)
            for target in range(1, self.states)
        )

    @property
    def states(self) -> int:
        """Of a cell, with its input."""
        return 1 + max(edge.target for edge in self.edges)

    def decode(self, code: Sequence[int]) -> Genotype:
        (kind,) = self.cells
        return Genotype(((kind, _cell(self.edges, code)),))

    def picked(self, code: Sequence[int]) -> Sequence[Sequence[Pick]]:
        nodes: dict[int, list[Pick]] = {}
        for row, (edge, option) in enumerate(zip(self.edges, code, strict=True)):
            nodes.setdefault(edge.target, []).append(Pick(row, option))
        return list(nodes.values())

    def _derive_cell(self, edges: Sequence[Edge], probabilities: Sequence[Sequence[float]]) -> Cell:
        """Every edge stays, each with its most probable operation, `none` included."""
        return _cell(edges, [argmax(row, range(len(row))) for row in probabilities])


def _cell(edges: Sequence[Edge], code: Sequence[int]) -> Cell:
    """The cell with these operations on its edges, by their numbers."""
    chosen = {(e.source, e.target): e.operations[option] for e, option in zip(edges, code, strict=True)}
    last = max(edge.target for edge in edges)
    nodes = tuple(
        tuple((chosen[e.source, e.target], e.source) for e in edges if e.target == target)
        for target in range(1, last + 1)
    )
    return Cell(1, nodes, (last,))
