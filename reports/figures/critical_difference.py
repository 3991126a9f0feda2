"""Average ranks of methods, and which of them are told apart."""

from __future__ import annotations

import math

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reports.figures.frames import Frames
from reports.figures.panels import GREY, LETTER, WIDTH
from reports.figures.plot import Plot
from reports.statistics import inference
from reports.statistics.scores import means


def draw(frames: Frames) -> list[Plot]:
    """Demšar's (JMLR 2006) diagram of average ranks: methods that a bar joins are not told apart."""
    found = None if frames.scored.empty else inference.ranks(means(frames.scored))
    if found is None:
        return []
    order = list(found.mean.index)
    k, rows = len(order), math.ceil(len(order) / 2)
    figure = Figure(figsize=(WIDTH, 1.0 + 0.28 * rows + 0.12 * k))
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    bars = _cliques(found)
    depth = 0.5 + 0.22 * len(bars)
    before, after = (LETTER * (max(map(len, names)) + len(" (1.00)")) + 0.1 for names in (order[:rows], order[rows:]))
    unit = (WIDTH - before - after) / (k - 0.4)  # inches; names stand 0.3 of it beside the axis
    ax.set(xlim=(0.7 - before / unit, k + 0.3 + after / unit), ylim=(-(depth + 0.45 * rows), 1.6))
    ax.plot([1, k], [0, 0], color="black", linewidth=1)
    for rank in range(1, k + 1):
        ax.plot([rank, rank], [0, 0.15], color="black", linewidth=1)
        ax.text(rank, 0.22, str(rank), ha="center", va="bottom")
    ax.plot([1, 1 + min(found.critical_difference, k - 1)], [1.0, 1.0], color="black", linewidth=1.5)
    ax.text(1, 1.1, f"critical difference {found.critical_difference:.2f}", ha="left", va="bottom")
    for place, (method, rank) in enumerate(found.mean.items()):
        left = place < rows
        level = -(depth + 0.45 * (place if left else k - 1 - place))
        side = 0.75 if left else k + 0.25
        ax.plot([rank, rank, side], [0, level, level], color=GREY, linewidth=0.8)
        words = f"{method} ({rank:.2f})"
        ax.text(side - 0.05 if left else side + 0.05, level, words, ha="right" if left else "left", va="center")
    for number, (low, high) in enumerate(bars):
        level = -0.3 - 0.22 * number
        ax.plot([low - 0.04, high + 0.04], [level, level], color="black", linewidth=3, solid_capstyle="round")
    caption = (
        f"Average ranks over the {found.benchmarks} benchmarks that all methods share; 1 is best. A bar joins methods "
        "whose ranks differ by less than Nemenyi's critical difference at 5 %."
    )
    return [Plot("critical-difference", "Critical-difference diagram", caption, figure)]


def _cliques(found: inference.Ranks) -> list[tuple[float, float]]:
    """The longest runs of neighbours whose ranks lie within the critical difference."""
    ranks = list(found.mean)
    ends = [
        max(j for j in range(len(ranks)) if ranks[j] - ranks[i] < found.critical_difference) for i in range(len(ranks))
    ]
    return [(ranks[i], ranks[end]) for i, end in enumerate(ends) if end > i and (i == 0 or end > ends[i - 1])]
