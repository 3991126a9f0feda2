"""How trainings rank cells: the test errors that the same cells have when trained in two ways."""

from __future__ import annotations

from itertools import groupby

from reports.figures.frames import Frames
from reports.figures.panels import PALETTE, figure_of, wrapped
from reports.figures.plot import Plot
from reports.statistics.rankings import FEWEST, Compared, compared, rank_correlation

MOST_PANELS = 9
"""Of a figure (choice): pairs of single seeds are many, and come last."""
LETTERS = 26
"""Of a panel's height."""


def draw(frames: Frames) -> list[Plot]:
    """A figure for each space and data set, a panel for any two ways to train."""
    return [
        _rankings(space, dataset, list(pairs), frames.epoch)
        for (space, dataset), pairs in groupby(
            compared(frames.records, frames.epoch), lambda of: (of.space, of.dataset)
        )
    ]


def _rankings(space: str, dataset: str, pairs: list[Compared], epoch: str) -> Plot:
    shown = pairs[:MOST_PANELS]
    figure, panels = figure_of(len(shown), height=2.2)
    for ax, of in zip(panels, shown, strict=True):
        x, y = of.errors.T
        tau = rank_correlation(x, y)
        ax.scatter(x, y, s=9, color=PALETTE[0], alpha=0.8, linewidth=0)
        ax.set(title="one error for all" if tau is None else f"tau {tau} ({tau.spread})")
        ax.set(xlabel=wrapped(of.names[0], LETTERS), ylabel=wrapped(of.names[1], LETTERS))
    left = f" {len(shown)} of {len(pairs)} pairs are drawn, the first." if len(shown) < len(pairs) else ""
    caption = (
        f"Test errors (%), {epoch} epoch, of the cells of {space} that searches found, trained from scratch on "
        f"{dataset} in two ways, at least {FEWEST} cells. Tau: Kendall's tau-b with its 95 % interval (bootstrap of "
        f"the cells); that of two seeds of one way is what chance leaves of its ranking.{left}"
    )
    return Plot(f"rankings-{space}-{dataset}", f"How trainings rank cells of {space}", caption, figure)
