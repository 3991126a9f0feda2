"""The DARTS family: the space of 7 operations, the original 8, and the reduced spaces S1-S4 of R-DARTS.

A cell has two inputs (states 0 and 1, the outputs of the two previous cells) and four nodes (states 2 to 5); node n
receives an edge from every earlier state, 14 in all; the cell's output is the concatenation of the nodes.
Sources: ZARTS supplement, section 2.1; DARTS model_search.py; R-DARTS spaces.py:6-77.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError
from harness.core.genotype import Cell, Genotype
from harness.core.settings import setting
from spaces.space import Edge, Final, Space, argmax

if TYPE_CHECKING:
    from torch import nn

    from spaces.supernet import Outgoing, Supernet

INPUTS, NODES, KEPT = 2, 4, 2
PAIRS = tuple((source, target) for target in range(INPUTS, INPUTS + NODES) for source in range(target))
"""The 14 edges (source, target), node by node: alpha's row order."""

SEVEN = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")
SHORT = {
    "sk": "skip_connect",
    "mp": "max_pool_3x3",
    "ap": "avg_pool_3x3",
    "s3": "sep_conv_3x3",
    "d3": "dil_conv_3x3",
    "d5": "dil_conv_5x5",
}
S1_NORMAL = "sk,d3 sk,d5 sk,d5 sk,s3 sk,d3 mp,sk sk,s3 sk,s3 sk,d3 sk,s3 mp,sk sk,d3 d3,d5 d3,d5"
S1_REDUCE = "mp,ap mp,d3 mp,ap mp,ap sk,d5 mp,ap mp,s3 sk,d3 sk,d5 mp,ap mp,ap sk,d5 sk,d5 sk,d5"


@dataclass(frozen=True)
class DartsMacro:
    """The size of a DARTS supernet."""

    channels: int = setting(16, "DARTS train_search.py, init_channels", minimum=2)
    cells: int = setting(8, "DARTS train_search.py, layers", minimum=3)
    stem: str = setting("cifar", "ImageNet: ZARTS model_search.py:228-263", choices=("cifar", "imagenet"))


@dataclass(frozen=True)
class DartsSpace(Space):
    """A space with DARTS' topology and its own candidates per edge."""

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
        from spaces.supernet import DartsSupernet

        return DartsSupernet(self, macro, classes, outgoing)

    def network(
        self, genotype: Genotype, channels: int, cells: int, classes: int, stem: str = "cifar", auxiliary: bool = False
    ) -> nn.Module:
        from spaces.network import DartsNetwork

        if genotype.family != "darts":
            raise HarnessError(f"the genotype {genotype} is not of the DARTS family.")
        return DartsNetwork(genotype, channels, cells, classes, stem, auxiliary)


def _pairs(target: int) -> list[tuple[int, ...]]:
    """The pairs of states that a node can read."""
    return list(combinations(range(target), KEPT))


def _operations(edge: Edge) -> tuple[str, ...]:
    """Those that a genotype can have there."""
    return tuple(operation for operation in edge.operations if operation != "none")


def reductions(cells: int) -> tuple[int, int]:
    """Which of a network's cells halve the map and double the channels: those at 1/3 and 2/3 of the depth."""
    return cells // 3, 2 * cells // 3


def _uniform(operations: tuple[str, ...]) -> Mapping[str, tuple[Edge, ...]]:
    edges = tuple(Edge(source, target, operations) for source, target in PAIRS)
    return {"normal": edges, "reduce": edges}


def _table(row: str) -> tuple[Edge, ...]:
    choices = [tuple(SHORT[code] for code in pair.split(",")) for pair in row.split()]
    return tuple(Edge(source, target, ops) for (source, target), ops in zip(PAIRS, choices, strict=True))


_FINAL = Final(channels=36, cells=20)
_REDUCED = {"sigma": 0.2}
"""Only one script for S1-S4 is released (S4, SVHN); its sigma is taken for all four (choice)."""

DARTS = DartsSpace(
    "darts", "7 operations on 14 edges, normal and reduction cells", "ZARTS supplement 2.1", _uniform(SEVEN), _FINAL
)
DARTS_NONE = DartsSpace(
    "darts-none", "the original 8 operations, `none` included", "DARTS, section 3.1", _uniform(("none", *SEVEN)), _FINAL
)
S1 = DartsSpace(
    "s1",
    "two operations per edge, chosen edge by edge",
    "R-DARTS, section 3",
    {"normal": _table(S1_NORMAL), "reduce": _table(S1_REDUCE)},
    _FINAL,
    _REDUCED,
)
S2 = DartsSpace(
    "s2",
    "skip or 3x3 separable convolution",
    "R-DARTS, section 3",
    _uniform(("skip_connect", "sep_conv_3x3")),
    _FINAL,
    _REDUCED,
)
S3 = DartsSpace(
    "s3",
    "none, skip or 3x3 separable convolution",
    "R-DARTS, section 3",
    _uniform(("none", "skip_connect", "sep_conv_3x3")),
    _FINAL,
    _REDUCED,
)
S4 = DartsSpace(
    "s4",
    "noise or 3x3 separable convolution",
    "R-DARTS, section 3",
    _uniform(("noise", "sep_conv_3x3")),
    _FINAL,
    _REDUCED,
)
