"""Average ranks of methods, and which of them are told apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reports.figures.frames import Frames
from reports.figures.panels import GREY, WIDTH, wrapped
from reports.figures.plot import Plot
from reports.statistics import inference
from reports.statistics.scores import means

LETTER, LETTERS = 0.072, 28
"""Inches of a letter, or of a figure, and how many a line of a name has at most: between names the ranks keep 2.5."""
ROW, LINE = 0.45, 0.25
"""Of the height: a name, and every further line of it."""


def draw(frames: Frames) -> list[Plot]:
    """Demšar's (JMLR 2006) diagram of average ranks: methods that a bar joins are not told apart."""
    found = None if frames.scored.empty else inference.ranks(means(frames.scored))
    if found is None:
        return []
    k, half = len(found.mean), math.ceil(len(found.mean) / 2)
    left, right = found.mean[:half], found.mean[half:][::-1]  # from above: the best, and the worst
    named = [[wrapped(f"{method} ({rank:.2f})", LETTERS) for method, rank in side.items()] for side in (left, right)]
    deep = max(sum(map(_height, names)) for names in named)
    figure = Figure(figsize=(WIDTH, 1.0 + 0.28 * deep / ROW + 0.12 * k))
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    bars = _cliques(found)
    depth = 0.5 + 0.22 * len(bars)
    before, after = (LETTER * max(map(len, "\n".join(names).split("\n"))) + 0.1 for names in named)
    unit = (WIDTH - before - after) / (k - 0.4)  # inches; names stand 0.3 of it beside the axis
    ax.set(xlim=(0.7 - before / unit, k + 0.3 + after / unit), ylim=(-(depth + deep), 1.6))
    ax.plot([1, k], [0, 0], color="black", linewidth=1)
    for rank in range(1, k + 1):
        ax.plot([rank, rank], [0, 0.15], color="black", linewidth=1)
        ax.text(rank, 0.22, str(rank), ha="center", va="bottom")
    ax.plot([1, 1 + min(found.critical_difference, k - 1)], [1.0, 1.0], color="black", linewidth=1.5)
    ax.text(1, 1.1, f"critical difference {found.critical_difference:.2f}", ha="left", va="bottom")
    for ranks, names, edge, away in ((left, named[0], 0.75, -1), (right, named[1], k + 0.25, 1)):
        for rank, words, below in zip(ranks, names, _centres(names), strict=True):
            level = -(depth + below)
            ax.plot([rank, rank, edge], [0, level, level], color=GREY, linewidth=0.8)
            ax.text(edge + 0.05 * away, level, words, ha="left" if away > 0 else "right", va="center")
    for number, (low, high) in enumerate(bars):
        level = -0.3 - 0.22 * number
        ax.plot([low - 0.04, high + 0.04], [level, level], color="black", linewidth=3, solid_capstyle="round")
    caption = (
        f"Average ranks over the {found.benchmarks} benchmarks that all methods share; 1 is best. A bar joins methods "
        "whose ranks differ by less than Nemenyi's critical difference at 5 %."
    )
    return [Plot("critical-difference", "Critical-difference diagram", caption, figure)]


def _height(words: str) -> float:
    return ROW + LINE * words.count("\n")


def _centres(names: Sequence[str]) -> list[float]:
    """How far below the first line the middle of each is."""
    tops = accumulate(map(_height, names), initial=0.0)
    return [top + (_height(words) - ROW) / 2 for top, words in zip(tops, names, strict=False)]


def _cliques(found: inference.Ranks) -> list[tuple[float, float]]:
    """The longest runs of neighbours whose ranks lie within the critical difference."""
    ranks = list(found.mean)
    ends = [
        max(j for j in range(len(ranks)) if ranks[j] - ranks[i] < found.critical_difference) for i in range(len(ranks))
    ]
    return [(ranks[i], ranks[end]) for i, end in enumerate(ends) if end > i and (i == 0 or end > ends[i - 1])]
