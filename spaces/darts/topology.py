"""What every network of the DARTS family has in common: the edges of its cells, and where it halves its maps."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.settings import setting

INPUTS, NODES, KEPT = 2, 4, 2
OUTPUTS = 4
"""How many nodes, the last ones, form the output of a cell: all of them, where it has no more."""


def pairs(nodes: int) -> tuple[tuple[int, int], ...]:
    """The edges (source, target) of a cell with so many nodes, node by node: alpha's row order."""
    return tuple((source, target) for target in range(INPUTS, INPUTS + nodes) for source in range(target))


PAIRS = pairs(NODES)
"""14 edges."""


@dataclass(frozen=True)
class DartsMacro:
    """The size of a DARTS supernet."""

    channels: int = setting(16, "DARTS train_search.py, init_channels", minimum=2)
    cells: int = setting(8, "DARTS train_search.py, layers", minimum=3)
    stem: str = setting("cifar", "ImageNet: ZARTS model_search.py:228-263", choices=("cifar", "imagenet"))


def reductions(cells: int) -> tuple[int, int]:
    """Which of a network's cells halve the map and double the channels: those at 1/3 and 2/3 of the depth. They are one
    where there is one cell."""
    return cells // 3, 2 * cells // 3
