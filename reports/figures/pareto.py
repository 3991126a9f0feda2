"""Errors of the cells that were found against what they cost, and the front of each method."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes

from reports.figures.frames import Frames
from reports.figures.panels import GREY, MARKERS, colours, figure_of, first, legend, wrapped
from reports.figures.plot import Plot
from reports.statistics.pareto import Plane, planes

MOST_PANELS = 12


def draw(frames: Frames) -> list[Plot]:
    """A panel for each benchmark and cost."""
    found = planes(frames.records, frames.epoch)[:MOST_PANELS]
    if not found:
        return []
    order, left = first(method for plane in found for method in plane.points.method)
    figure, axes = figure_of(len(found), height=2.1)
    for ax, plane in zip(axes, found, strict=True):
        _panel(ax, plane, order)
    legend(figure, order, lines=False, title=left)
    caption = (
        "Every evaluated run, whatever its objective: the test error of its cell against what the cell costs. Lines: "
        "the front of each method, the cells that none of its others beats in both. Cross: the reference point of the "
        f"hypervolumes in the table, the largest cost and error of all runs. {left}"
    )
    return [Plot("pareto", "Test error against cost of the cells", caption.strip(), figure)]


def _panel(ax: Axes, plane: Plane, order: Iterable[str]) -> None:
    palette = colours(list(order))
    for (method, colour), marker in zip(palette.items(), MARKERS, strict=False):
        points = plane.points[plane.points.method == method]
        ax.scatter(points.cost, points.error, s=9, color=colour, marker=marker, alpha=0.45, linewidths=0)
        front = plane.front(method)
        if len(front):
            costs = [*front.cost, plane.reference[0]]
            ax.step(costs, [*front.error, front.error.iloc[-1]], where="post", color=colour, linewidth=1.1)
    ax.plot(*plane.reference, marker="+", markersize=6, color=GREY, linestyle="")
    ax.set(title=wrapped(plane.benchmark, 30), xlabel=wrapped(plane.cost, 30), ylabel="test error (%)")
