"""DARTS-Bench-Suite: nine spaces with DARTS' topology, whose supernets and final networks have one size.

Three sizes, wide, deep and single-cell, times three sets of candidates: the original 8 operations; those without skips;
and all 8 with a skip besides on every edge, which stays in the final network. Sources: Jha et al., confopt (AutoML
2025, arXiv 2507.16533); the released scripts/benchsuite_experiments/benchsuite.py, here "benchsuite.py".

The one cell of single-cell stands at 1/3 and 2/3 of a depth of 1, so it is a reduction cell: it halves the map and
doubles the 26 channels. The released code has a normal cell's alpha beside it, which no network reads; here there is
none. The cell's output is that of its last 4 nodes, as there (the "multiplier" of DARTS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.core.settings import setting
from spaces.cells import Edge
from spaces.darts.members import SEVEN
from spaces.darts.space import DartsSpace
from spaces.darts.topology import NODES, DartsMacro, pairs
from spaces.space import Final

SOURCE = "DARTS-Bench-Suite, benchsuite.py"
EIGHT = ("none", *SEVEN)
WITHOUT_SKIP = tuple(name for name in EIGHT if name != "skip_connect")


@dataclass(frozen=True)
class WideMacro(DartsMacro):
    channels: int = setting(18, SOURCE, minimum=2)
    cells: int = setting(4, SOURCE, minimum=3)


@dataclass(frozen=True)
class DeepMacro(DartsMacro):
    channels: int = setting(7, SOURCE, minimum=2)
    cells: int = setting(18, SOURCE, minimum=3)


@dataclass(frozen=True)
class OneCellMacro:
    """The size of a supernet that is one cell."""

    cells: ClassVar[int] = 1
    channels: int = setting(26, SOURCE, minimum=2)
    stem: str = setting("cifar", "choice: as the other spaces", choices=("cifar", "imagenet"))


@dataclass(frozen=True)
class Size:
    """One of the three: its supernet, the nodes of a cell, and the kinds of cell."""

    name: str
    macro: DartsMacro | OneCellMacro
    nodes: int = NODES
    kinds: tuple[str, ...] = ("normal", "reduce")

    def space(self, operations: tuple[str, ...], suffix: str, summary: str, skips: bool = False) -> DartsSpace:
        edges = tuple(Edge(source, target, operations) for source, target in pairs(self.nodes))
        channels, cells = self.macro.channels, self.macro.cells
        return DartsSpace(
            f"bench-{self.name}{suffix}",
            f"DARTS-Bench-Suite: {summary}; {cells} cell{'s' * (cells > 1)} of {self.nodes} nodes",
            "Jha et al., confopt (AutoML 2025); its benchsuite.py",
            dict.fromkeys(self.kinds, edges),
            Final(channels, cells),
            {"channels": channels, "cells": cells},
            imagenet=None,
            nodes=self.nodes,
            published=self.macro,
            skips=skips,
        )

    def spaces(self) -> tuple[DartsSpace, ...]:
        return (
            self.space(EIGHT, "", "the original 8 operations"),
            self.space(WITHOUT_SKIP, "-no-skip", "the 7 operations that are no skip"),
            self.space(EIGHT, "-all-skip", "8 operations, each edge with a skip", skips=True),
        )


SIZES = (
    Size("wide", WideMacro()),
    Size("deep", DeepMacro()),
    Size("single-cell", OneCellMacro(), nodes=8, kinds=("reduce",)),
)
BENCH_SUITE = tuple(space for size in SIZES for space in size.spaces())
