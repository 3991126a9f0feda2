"""What panels share: a palette for colour-blind readers, and dashes or markers beside the colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

MOST_METHODS = 12
FEW = 16
"""Points of a line up to which each is marked."""
GREY = "#777777"
DASHES: tuple[Any, ...] = ("-", *((0, d) for d in ((4, 1.5), (1, 1), (3, 1.2, 1, 1.2), (5, 1, 1, 1, 1, 1), (2, 2))))
MARKERS = "oXs^DvPph*<>"


def figure_of(rows: int, columns: int, width: float = 3.3, height: float = 2.5) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def lines(ax: Axes, frame: pd.DataFrame, y: str, title: str, unit: str, order: Sequence[str]) -> None:
    """The mean over runs, and a band from the least to the most."""
    band = frame.groupby(["label", "epoch"])[y].agg(["mean", "min", "max"]).dropna()
    for (label, colour), dashes in zip(colours(order).items(), _dashes(order), strict=True):
        if label in band.index:
            line = band.loc[label].astype(float)
            ax.plot(line.index, line["mean"], color=colour, linestyle=dashes, marker="o" if len(line) <= FEW else "")
            ax.fill_between(line.index, line["min"], line["max"], color=colour, alpha=0.15, linewidth=0)
    ax.set(title=title, xlabel="epoch", ylabel=unit)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def colours(order: Sequence[str]) -> dict[str, Any]:
    palette = sns.color_palette("colorblind", max(10, len(order)))
    return dict(zip(order, palette, strict=False))


def _dashes(order: Sequence[str]) -> list[Any]:
    return [DASHES[i % len(DASHES)] for i in range(len(order))]


def legend(ax: Axes, order: Sequence[str], lines: bool = True) -> None:
    """In a place of its own: lines, or markers."""
    ax.set_axis_off()
    for (label, colour), dashes, marker in zip(colours(order).items(), _dashes(order), MARKERS, strict=False):
        style = {"linestyle": dashes} if lines else {"linestyle": "", "marker": marker}
        ax.plot([], [], color=colour, label=label, **style)
    ax.legend(loc="center", frameon=False)
