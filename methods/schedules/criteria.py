"""SGAS' criteria: which edge is ready to be decided (Li et al., CVPR 2020; cnn/train_search.py:86-110)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from methods.derivations.derivation import Choices
from spaces.space import Space

Row = Mapping[str, float]
"""The strengths of an edge's operations."""


def importance(row: Row, space: Space) -> float:
    """The strengths of all operations that a cell can be given, together."""
    return sum(strength for name, strength in row.items() if space.derivable(name))


def selection(row: Row, space: Space) -> dict[str, float]:
    """The same operations' strengths, scaled to the sum 1."""
    total = importance(row, space)
    derivable = [name for name in row if space.derivable(name)]
    return {name: row[name] / total if total > 0 else 1 / len(derivable) for name in derivable}


def certainty(row: Row, space: Space) -> float:
    """1 - H(q) / log n for the selection q of n operations; 1 for a single one."""
    q = selection(row, space).values()
    return 1 + sum(p * math.log(p) for p in q if p > 0) / math.log(len(q)) if len(q) > 1 else 1.0


def stability(row: Row, past: Sequence[Row], space: Space) -> float:
    """The mean overlap of the selection with those of past epochs; 0 without any."""
    now, before = selection(row, space), [selection(other, space) for other in past]
    return sum(min(p, q.get(name, 0.0)) for q in before for name, p in now.items()) / max(1, len(before))


def normalised(values: Sequence[float]) -> list[float]:
    """From 0 for the least to 1 for the largest. Where all are equal, as the importance is in spaces without `none`,
    the factor says nothing and is 1 (choice: with the 0 of utils.py:123-137 the first edge would always be the best).
    """
    least, most = min(values), max(values)
    return [(value - least) / (most - least) if most > least else 1.0 for value in values]


def scores(choices: Choices, past: Sequence[Choices], space: Space, by_stability: bool) -> list[float]:
    """Of all edges of one kind of cell, those that are decided too, as the code has it: the product of the normalised
    importance and certainty (criterion 1), and of the stability (criterion 2). `past` has the same edges' strengths in
    the epochs before."""
    factors = [[importance(row, space) for row in choices], [certainty(row, space) for row in choices]]
    if by_stability:
        factors.append([stability(row, rows, space) for row, *rows in zip(choices, *past, strict=True)])
    return [math.prod(values) for values in zip(*map(normalised, factors), strict=True)]
