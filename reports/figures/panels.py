"""What panels share: a palette for colour-blind readers, and dashes or markers beside the colours."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.scale import SymmetricalLogScale
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator
from numpy.typing import NDArray

Array = NDArray[np.float64]

WIDTH = 6.75
"""Inches: the text of a page in two columns. Figures are drawn as they are printed, so their points are points."""
HANDLE, LETTER, LINE = 0.6, 0.062, 0.17
"""Inches: what an entry of a legend takes besides its label, a letter of it, and a line."""
NARROW = 28
"""Letters above a panel of three in a row, whatever they are."""
PALE = ("#949494", "#ece133")
"""Of seaborn's: the grey is that of what is no method, the yellow is hardly seen on white."""
PALETTE = (
    *(colour for colour in sns.color_palette("colorblind").as_hex() if colour not in PALE),
    *("#000000", "#332288", "#661100", "#999933"),  # of Tol's muted ones
)
"""A colour for each method, for colour-blind readers."""
MOST_METHODS = len(PALETTE)
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


def wrapped(words: str, letters: int = 38) -> str:
    """As wide as the narrowest panel with its labels."""
    return textwrap.fill(words, letters, break_on_hyphens=False)


def first(methods: Iterable[str]) -> tuple[list[str], str]:
    """Those that a figure without a better rule shows, and what it says of the others."""
    names = sorted(set(methods))
    return names[:MOST_METHODS], left_out(names[:MOST_METHODS], names, "the first by name")


def left_out(drawn: Collection[str], of: Collection[str], which: str) -> str:
    """Empty where all are drawn."""
    return f"{len(drawn)} of {len(of)} methods are drawn: {which}." if len(drawn) < len(of) else ""


def colours(order: Sequence[str]) -> dict[str, Any]:
    return dict(zip(order, PALETTE, strict=False))


def styles(order: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of lines."""
    return {
        label: {"color": colour, "linestyle": DASHES[i % len(DASHES)], "linewidth": 1.2}
        for i, (label, colour) in enumerate(colours(order).items())
    }


def steps(ax: Axes, x: Array, mean: Array, low: Array, high: Array, style: Mapping[str, Any]) -> None:
    """A step function and the band around it: a value stands until the next, so of equal ones the first is enough."""
    changes = np.diff(np.nan_to_num([mean, low, high])).any(axis=0)
    kept = np.flatnonzero(np.concatenate([[True], changes]) | (np.arange(len(x)) == len(x) - 1))
    marker = "o" if len(kept) == 1 else ""
    ax.plot(x[kept], mean[kept], drawstyle="steps-post", **style, marker=marker, markersize=3)
    ax.fill_between(x[kept], low[kept], high[kept], step="post", color=style["color"], alpha=0.15, linewidth=0)


def logarithmic(axis: XAxis | YAxis, low: float, high: float) -> None:
    """From the one to the other, with plain numbers: the exponents of powers would be too small to print."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log", f"{axis.axis_name}lim": (low, high)})
    axis.set_major_locator(LogLocator(subs=(1.0,) if high > 100 * low else (1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:,.6g}")
    axis.set_minor_formatter("")


def from_zero(axis: XAxis | YAxis, even: float, high: float) -> None:
    """From 0, which has a place of its own, to `high`: even up to `even`, logarithmic from there."""
    scale = SymmetricalLogScale(axis, linthresh=even, linscale=0.6)
    clear = -even / 8  # of the frame
    axis.axes.set(**{f"{axis.axis_name}scale": scale, f"{axis.axis_name}lim": (clear, high)})
    powers = range(math.ceil(math.log10(even)), math.floor(math.log10(high)) + 1)
    axis.set_major_locator(FixedLocator([0.0, *(10.0**power for power in powers)]))
    axis.set_major_formatter("{x:,.6g}")
    axis.set_minor_locator(NullLocator())


def legend(
    figure: Figure,
    order: Sequence[str],
    lines: bool = True,
    shown: Collection[str] | None = None,
    more: Mapping[str, Mapping[str, Any]] | None = None,
    title: str = "",
) -> None:
    """Below the panels, which keep their height: lines, or markers, of all of the order or of those that are shown, and
    what else is drawn, each with its style."""
    handles = []
    for (label, style), marker in zip(styles(order).items(), MARKERS, strict=False):
        if shown is None or label in shown:
            of = {} if lines else {"linestyle": "", "marker": marker, "markersize": 5}
            handles.append(Line2D([], [], label=label, **style | of))
    handles += [Line2D([], [], label=label, **style) for label, style in (more or {}).items()]
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, min(len(handles), int(WIDTH / (HANDLE + LETTER * longest))))
    _below(figure, math.ceil(len(handles) / columns), title, handles=handles, ncols=columns)


def noted(figure: Figure, words: str) -> None:
    """Words below the panels, where a legend would be; none where there is nothing to say."""
    if words:
        _below(figure, 0, words, handles=[])


def _below(figure: Figure, lines: int, title: str, **of: Any) -> None:
    figure.set_figheight(figure.get_figheight() + LINE * (lines + bool(title)))
    figure.legend(loc="outside lower center", frameon=False, borderpad=0, title=title, title_fontsize=7.5, **of)
