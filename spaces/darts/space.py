"""A space with DARTS' topology.

A cell has two inputs (states 0 and 1, the outputs of the two previous cells) and four nodes (states 2 to 5); node n
receives an edge from every earlier state, 14 in all; the cell's output is the concatenation of the nodes. A cell with
more nodes has that of the last four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

from harness.core.errors import HarnessError
from harness.core.genotype import AND_SKIP, Cell, Genotype
from spaces.cells import Edge
from spaces.darts.topology import INPUTS, KEPT, NODES, OUTPUTS, DartsMacro, reductions
from spaces.space import Final, Pick, Space, argmax

if TYPE_CHECKING:
    from torch import nn

    from spaces.supernet import Outgoing, Supernet


IMAGENET = Final(channels=48, cells=14)
"""Of the transfer evaluation (ZARTS, section 5.2)."""


@dataclass(frozen=True, repr=False)
class DartsSpace(Space):
    """A space with DARTS' topology and its own candidates per edge."""

    imagenet: Final | None = IMAGENET
    nodes: int = NODES
    """Of a cell."""
    published: Any = field(default_factory=DartsMacro)
    """The supernet's size."""
    skips: bool = False
    """Whether every edge has a skip besides its candidates, which stays with it in the final network."""

    chooses_none: bool = False
    """Whether `none` is among the choices, where it leaves its edge out. It is never derived from alpha."""

    @property
    def states(self) -> range:
        """The nodes of a cell."""
        return range(INPUTS, INPUTS + self.nodes)

    def derivable(self, operation: str) -> bool:
        return operation != "none"

    @property
    def choices(self) -> tuple[tuple[int, ...], ...]:
        """Per node, which two of the earlier states it reads, and the operation on each of the two edges. Every edge of
        these spaces has the same number of operations besides `none`."""
        return tuple(
            (len(_pairs(target)), *(len(self._options(edges[0])),) * KEPT)
            for edges in self.cells.values()
            for target in self.states
        )

    def decode(self, code: Sequence[int]) -> Genotype:
        """Raises HarnessError for a cell of which nothing is left, where `none` is among the choices."""
        nodes = [
            tuple((edge.operations[column], edge.source) for edge, column in node if edge.operations[column] != "none")
            for node in self._chosen(code)
        ]
        output, count = tuple(self.states[-OUTPUTS:]), self.nodes
        found = Genotype(
            tuple(
                (kind, Cell(INPUTS, tuple(nodes[number * count : (number + 1) * count]), output))
                for number, kind in enumerate(self.cells)
            )
        )
        return self.completed(found)

    def completed(self, genotype: Genotype) -> Genotype:
        if not self.skips:
            return genotype
        cells = []
        for kind, cell in genotype.cells:
            nodes = tuple(tuple((f"{name}{AND_SKIP}", source) for name, source in node) for node in cell.nodes)
            cells.append((kind, replace(cell, nodes=nodes)))
        return Genotype(tuple(cells))

    def operation(self, name: str, c_in: int, channels: int, stride: int) -> nn.Module:
        return super().operation(
            f"{name}{AND_SKIP}" if self.skips and self.derivable(name) else name, c_in, channels, stride
        )

    def picked(self, code: Sequence[int]) -> Sequence[Sequence[Pick]]:
        edges = [(kind, edge.source, edge.target) for kind, edges in self.cells.items() for edge in edges]
        rows, kinds = {place: row for row, place in enumerate(edges)}, list(self.cells)
        return [
            [Pick(rows[kinds[number // self.nodes], edge.source, edge.target], column) for edge, column in node]
            for number, node in enumerate(self._chosen(code))
        ]

    def with_none(self) -> Self:
        return replace(self, chooses_none=any("none" in edge.operations for edge in self.edges))

    def _chosen(self, code: Sequence[int]) -> list[list[tuple[Edge, int]]]:
        """Node by node the edges that it reads, each with the column of its operation."""
        options, nodes = iter(code), []
        for edges in self.cells.values():
            at = {(edge.source, edge.target): edge for edge in edges}
            for target in self.states:
                entering = [at[source, target] for source in _pairs(target)[next(options)]]
                nodes.append([(edge, self._options(edge)[next(options)]) for edge in entering])
        return nodes

    def _options(self, edge: Edge) -> list[int]:
        """The columns of the operations that a genotype can have there."""
        return [i for i, name in enumerate(edge.operations) if name != "none" or self.chooses_none]

    def _derive_cell(self, edges: Sequence[Edge], probabilities: Sequence[Sequence[float]]) -> Cell:
        """Per node the two edges whose best operation is strongest, each with that operation; `none` never counts,
        and its probability is not redistributed. A tie goes to the smaller predecessor and the smaller operation."""
        nodes = []
        for target in self.states:
            best = []
            for edge, row in zip(edges, probabilities, strict=True):
                if edge.target == target:
                    allowed = [i for i, operation in enumerate(edge.operations) if self.derivable(operation)]
                    chosen = argmax(row, allowed)
                    best.append((row[chosen], edge.operations[chosen], edge.source))
            strongest = sorted(best, key=lambda item: -item[0])[:KEPT]
            nodes.append(tuple((operation, source) for _, operation, source in strongest))
        return Cell(INPUTS, tuple(nodes), tuple(self.states[-OUTPUTS:]))

    def macro(self) -> Any:
        return self.published

    def divisor(self, macro: Any) -> int:
        return (1 if macro.stem == "cifar" else 8) * 2 ** len({*reductions(macro.cells)})

    def supernet(self, macro: Any, classes: int, outgoing: Outgoing) -> Supernet:
        from spaces.darts.permanent_skip import WithSkips
        from spaces.darts.supernet import DartsSupernet

        return DartsSupernet(self.cells, macro, classes, WithSkips(outgoing) if self.skips else outgoing, self.nodes)

    def network(
        self, genotype: Genotype, channels: int, cells: int, classes: int, stem: str = "cifar", auxiliary: bool = False
    ) -> nn.Module:
        from spaces.darts.network import DartsNetwork

        if genotype.family != "darts":
            raise HarnessError(f"the genotype {genotype} is not of the DARTS family.")
        if genotype.kinds == ("reduce",) and cells != 1:
            raise HarnessError(
                f"a genotype with a reduction cell alone makes a network of 1 cell, and {cells} are asked for; set a "
                "size of 1 cell, such as size=1x26."
            )
        return DartsNetwork(genotype, channels, cells, classes, stem, auxiliary)


def _pairs(target: int) -> list[tuple[int, ...]]:
    """The pairs of states that a node can read."""
    return list(combinations(range(target), KEPT))
