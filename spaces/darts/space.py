"""A space with DARTS' topology.

A cell has two inputs (states 0 and 1, the outputs of the two previous cells) and four nodes (states 2 to 5); node n
receives an edge from every earlier state, 14 in all; the cell's output is the concatenation of the nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError
from harness.core.genotype import Cell, Genotype
from spaces.cells import Edge
from spaces.darts.topology import INPUTS, KEPT, NODES, DartsMacro
from spaces.space import Final, Space, argmax

if TYPE_CHECKING:
    from torch import nn

    from spaces.supernet import Outgoing, Supernet


IMAGENET = Final(channels=48, cells=14)
"""Of the transfer evaluation (ZARTS, section 5.2)."""


@dataclass(frozen=True, repr=False)
class DartsSpace(Space):
    """A space with DARTS' topology and its own candidates per edge."""

    imagenet: Final | None = IMAGENET

    def derivable(self, operation: str) -> bool:
        return operation != "none"

    @property
    def choices(self) -> tuple[tuple[int, ...], ...]:
        """Per node, which two of the earlier states it reads, and the operation on each of the two edges. Every edge of
        these spaces has the same number of operations besides `none`."""
        return tuple(
            (len(_pairs(target)), *(len(_operations(edges[0])),) * KEPT)
            for edges in self.cells.values()
            for target in range(INPUTS, INPUTS + NODES)
        )

    def decode(self, code: Sequence[int]) -> Genotype:
        options, cells = iter(code), []
        for kind, edges in self.cells.items():
            at = {(edge.source, edge.target): _operations(edge) for edge in edges}
            nodes = []
            for target in range(INPUTS, INPUTS + NODES):
                sources = _pairs(target)[next(options)]
                nodes.append(tuple((at[source, target][next(options)], source) for source in sources))
            cells.append((kind, Cell(INPUTS, tuple(nodes), tuple(range(INPUTS, INPUTS + NODES)))))
        return Genotype(tuple(cells))

    def _derive_cell(self, edges: Sequence[Edge], probabilities: Sequence[Sequence[float]]) -> Cell:
        """Per node the two edges whose best operation is strongest, each with that operation; `none` never counts,
        and its probability is not redistributed. A tie goes to the smaller predecessor and the smaller operation."""
        nodes = []
        for target in range(INPUTS, INPUTS + NODES):
            best = []
            for edge, row in zip(edges, probabilities, strict=True):
                if edge.target == target:
                    allowed = [i for i, operation in enumerate(edge.operations) if self.derivable(operation)]
                    chosen = argmax(row, allowed)
                    best.append((row[chosen], edge.operations[chosen], edge.source))
            strongest = sorted(best, key=lambda item: -item[0])[:KEPT]
            nodes.append(tuple((operation, source) for _, operation, source in strongest))
        return Cell(INPUTS, tuple(nodes), tuple(range(INPUTS, INPUTS + NODES)))

    def macro(self) -> DartsMacro:
        return DartsMacro()

    def divisor(self, macro: DartsMacro) -> int:
        return 4 if macro.stem == "cifar" else 32

    def supernet(self, macro: DartsMacro, classes: int, outgoing: Outgoing) -> Supernet:
        from spaces.darts.supernet import DartsSupernet

        return DartsSupernet(self.cells, macro, classes, outgoing)

    def network(
        self, genotype: Genotype, channels: int, cells: int, classes: int, stem: str = "cifar", auxiliary: bool = False
    ) -> nn.Module:
        from spaces.darts.network import DartsNetwork

        if genotype.family != "darts":
            raise HarnessError(f"the genotype {genotype} is not of the DARTS family.")
        return DartsNetwork(genotype, channels, cells, classes, stem, auxiliary)


def _pairs(target: int) -> list[tuple[int, ...]]:
    """The pairs of states that a node can read."""
    return list(combinations(range(target), KEPT))


def _operations(edge: Edge) -> tuple[str, ...]:
    """Those that a genotype can have there."""
    return tuple(operation for operation in edge.operations if operation != "none")
