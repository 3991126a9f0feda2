"""What panels share: a palette for colour-blind readers, and dashes or markers beside the colours."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

WIDTH = 6.75
"""Inches: the text of a page in two columns. Figures are drawn as they are printed, so their points are points."""
HANDLE, LETTER, LINE = 0.6, 0.062, 0.17
"""Inches: what an entry of a legend takes besides its label, a letter of it, and a line."""
MOST_METHODS = 12
FEW = 16
"""Points of a line up to which each is marked."""
GREY = "#777777"
DASHES: tuple[Any, ...] = ("-", *((0, d) for d in ((4, 1.5), (1, 1), (3, 1.2, 1, 1.2), (5, 1, 1, 1, 1, 1), (2, 2))))
MARKERS = "oXs^DvPph*<>"


def figure_of(panels: int, height: float = 1.85, most: int = 3) -> tuple[Figure, list[Axes]]:
    """So many panels over the whole width, `height` inches each, at most `most` in a row; rows of fewer have wider
    ones."""
    rows = math.ceil(panels / most)
    in_rows = [panels // rows + (row < panels % rows) for row in range(rows)]
    figure = Figure(figsize=(WIDTH, rows * height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(rows, math.lcm(*in_rows))
    spans = [(row, grid.ncols // count, place) for row, count in enumerate(in_rows) for place in range(count)]
    return figure, [figure.add_subplot(grid[row, place * span : (place + 1) * span]) for row, span, place in spans]


def lines(ax: Axes, frame: pd.DataFrame, y: str, title: str, unit: str, order: Sequence[str]) -> None:
    """The mean over runs, and a band from the least to the most."""
    band = frame.groupby(["label", "epoch"])[y].agg(["mean", "min", "max"]).dropna()
    for (label, colour), dashes in zip(colours(order).items(), _dashes(order), strict=True):
        if label in band.index:
            line = band.loc[label].astype(float)
            ax.plot(
                line.index,
                line["mean"],
                color=colour,
                linestyle=dashes,
                linewidth=1.2,
                marker="o" if len(line) <= FEW else "",
                markersize=3,
            )
            ax.fill_between(line.index, line["min"], line["max"], color=colour, alpha=0.15, linewidth=0)
    ax.set(title=wrapped(title), xlabel="epoch", ylabel=unit)
    epochs_along(ax, frame.epoch)


def epochs_along(ax: Axes, epochs: pd.Series) -> None:
    """Whole epochs below the axis, however few there are."""
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    if epochs.nunique() == 1:
        ax.set_xlim(epochs.iloc[0] - 0.5, epochs.iloc[0] + 0.5)


def wrapped(words: str, letters: int = 38) -> str:
    """As wide as the narrowest panel with its labels."""
    return textwrap.fill(words, letters)


def colours(order: Sequence[str]) -> dict[str, Any]:
    palette = sns.color_palette("colorblind", max(10, len(order)))
    return dict(zip(order, palette, strict=False))


def _dashes(order: Sequence[str]) -> list[Any]:
    return [DASHES[i % len(DASHES)] for i in range(len(order))]


def legend(figure: Figure, order: Sequence[str], lines: bool = True) -> None:
    """Below the panels, which keep their height: lines, or markers."""
    handles = []
    for (label, colour), dashes, marker in zip(colours(order).items(), _dashes(order), MARKERS, strict=False):
        style = {"linestyle": dashes} if lines else {"linestyle": "", "marker": marker, "markersize": 5}
        handles.append(Line2D([], [], color=colour, label=label, **style))
    columns = max(1, min(len(handles), int(WIDTH / (HANDLE + LETTER * max(map(len, order))))))
    figure.set_figheight(figure.get_figheight() + LINE * math.ceil(len(handles) / columns))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, borderpad=0)
