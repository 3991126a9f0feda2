"""Means over searches at every epoch: few methods share a panel for each measure, many have a row of panels each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures.panels import GREY, LETTER, WIDTH, figure_of, legend, noted, styles, wrapped

Columns = Sequence[Mapping[str, pd.DataFrame]]
"""For each measure the means of each method."""
Panels = tuple[Figure, Sequence[Sequence[Axes]]]
"""For each measure the panels that show it."""

TOGETHER = 4
"""Methods whose bands are still told apart in one panel (choice)."""
FEW = 16
"""Points of a line up to which each is marked."""
ROW, HEAD = 0.72, 0.75
"""Inches: a row of panels, and what stands above and below all rows."""
PAD = 2
"""Points between a title and its panel."""
BEHIND = "#cccccc"
MARGIN = 0.08
"""Of the height of an axis, beyond what it must show."""
COUNTED = "number"
"""The unit of what has whole numbers alone."""


@dataclass(frozen=True)
class Measure:
    """A column of the records, and what it is called."""

    column: str
    title: str
    unit: str
    best: float | None = None
    """The best that there is, drawn across."""


def draw(frame: pd.DataFrame, measures: Sequence[Measure], order: Sequence[str], left: str) -> Figure:
    """Of rows with run, label, epoch and these columns. `left`: what is said of the methods that are left out."""
    columns = [{label: means(frame[frame.label == label], measure.column) for label in order} for measure in measures]
    figure, panels = (_together if len(order) <= TOGETHER else _apart)(columns, measures, order, left)
    for axes, measure, column in zip(panels, measures, columns, strict=True):
        for ax in axes:
            _framed(ax, measure, pd.concat(column.values())["mean"])
            _epochs_along(ax, frame.epoch)
    return figure


def caption(frame: pd.DataFrame, order: Sequence[str]) -> str:
    """What lines and bands of these methods are."""
    counts = frame[frame.label.isin(order)].groupby("label").run.nunique()
    n = f"{counts.min()}{f' to {counts.max()}' if counts.max() > counts.min() else ''}"
    words = (
        f"mean over the searches, {n} of a method, drawn where most of them have a value (one that was stopped may "
        "have found the cell of an earlier epoch). Band: its standard error to either side; a 95 % interval has 4.3 of "
        "it with three searches and 2.4 with eight. Axes show the means; what of a band lies beyond is cut off."
    )
    return words if len(order) <= TOGETHER else f"{words} Grey: the means of the other methods."


def means(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Of the runs of a method, by epoch: mean and its standard error (sem), where more than half of the runs have a
    value. A mean over fewer would be of other runs at every epoch."""
    of = rows.dropna(subset=column).astype({column: float}).groupby("epoch")[column].agg(["mean", "sem", "size"])
    return of[of["size"] > rows.run.nunique() / 2]


def _together(columns: Columns, measures: Sequence[Measure], order: Sequence[str], left: str) -> Panels:
    """A panel for each measure."""
    figure, axes = figure_of(len(measures))
    for ax, measure, column in zip(axes, measures, columns, strict=True):
        for label, style in styles(order).items():
            _line(ax, column[label], style)
        ax.set(title=wrapped(measure.title), xlabel="epoch", ylabel=measure.unit)
    legend(figure, order, title=left)
    return figure, [[ax] for ax in axes]


def _apart(columns: Columns, measures: Sequence[Measure], order: Sequence[str], left: str) -> Panels:
    """A row of panels for each method, the others behind it."""
    figure = Figure(figsize=(WIDTH, HEAD + ROW * len(order)), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(order), len(measures), sharex=True, squeeze=False)
    letters = int(WIDTH / len(measures) / LETTER)
    for axes, measure, column in zip(rows.T, measures, columns, strict=True):
        for ax, (label, style) in zip(axes, styles(order).items(), strict=True):
            for other in order:
                ax.plot(column[other]["mean"], color=BEHIND, linewidth=0.5)
            _line(ax, column[label], {**style, "linestyle": "-"})
        unit = "" if measure.unit == COUNTED else f"\n{measure.unit}"
        # below it the name of the first method has a line
        axes[0].set_title(f"{wrapped(measure.title, letters)}{unit}\n", pad=PAD)
        axes[-1].set_xlabel("epoch")
    for ax, label in zip(rows[:, 0], order, strict=True):
        ax.set_title(" ", pad=PAD, loc="left")  # a line for the name, which may be wider than its panel
        ax.annotate(label, (0, 1), (0, PAD), "axes fraction", "offset points").set_in_layout(False)
    noted(figure, left)
    return figure, list(rows.T)


def _line(ax: Axes, of: pd.DataFrame, style: Mapping[str, Any]) -> None:
    ax.plot(of["mean"], **style, marker="o" if len(of) <= FEW else "", markersize=3)
    low, high = of["mean"] - of["sem"], of["mean"] + of["sem"]
    ax.fill_between(of.index, low, high, color=style["color"], alpha=0.2, linewidth=0)


def _framed(ax: Axes, measure: Measure, shown: pd.Series) -> None:
    """So that these are shown: a wide band of few runs would press all lines flat."""
    best = [] if measure.best is None else [measure.best]
    if within := [*shown, *best]:
        margin = MARGIN * (max(within) - min(within)) or 0.5
        ax.set_ylim(min(within) - margin, max(within) + margin)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=measure.unit == COUNTED, min_n_ticks=1))
    for level in best:
        ax.axhline(level, color=GREY, linestyle=":", linewidth=1)


def _epochs_along(ax: Axes, epochs: pd.Series) -> None:
    """Whole epochs below the axis, however few there are."""
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    if epochs.nunique() == 1:
        ax.set_xlim(epochs.iloc[0] - 0.5, epochs.iloc[0] + 0.5)
