"""The loss around alpha, and paths on it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.ticker import MaxNLocator

from reports import analyses
from reports.figures.frames import Frames
from reports.figures.panels import MARKERS, colours, figure_of
from reports.figures.plot import Plot

LEVELS = 14
STAR: Any = {
    "marker": "*",
    "color": "white",
    "markeredgecolor": "black",
    "markersize": 9,
    "linestyle": "",
    "clip_on": False,
}


def draw(frames: Frames) -> list[Plot]:
    """Paper, Fig. 1, and supplement, Fig. 1: the loss around alpha, and paths of methods on it."""
    paths = analyses.read(frames.records, "path")
    return [
        _landscape(run, found, paths.get(run, {}).get("paths", {}))
        for run, found in analyses.read(frames.records, "landscape").items()
    ]


def _landscape(run: str, found: dict[str, Any], paths: dict[str, list[list[float]]]) -> Plot:
    x, panels = np.asarray(found["x"]), {panel: np.asarray(rows) for panel, rows in found["panels"].items()}
    figure, axes = figure_of(4, 3.6, most=2) if paths else figure_of(len(panels), 3.1)
    above = {panel: grid - grid.min() for panel, grid in panels.items()}
    levels = np.asarray(MaxNLocator(LEVELS).tick_values(0, max(grid.max() for grid in above.values())))
    sharp = dict(analyses.sharpness(found))
    for ax, (panel, grid) in zip(axes, above.items(), strict=False):
        words = analyses.PANELS[panel]
        if panel == "fine-tuned":
            words += f", {found['settings']['steps']} steps"
        drawn = _contours(ax, x, grid, levels, words)
        of = sharp[panel]
        ax.plot(of["x"], of["y"], **STAR)
        ax.set_xlabel(
            f"direction 1\nminimum {of['least']:.3f} at ({of['x']:.2g}, {of['y']:.2g})\nmean slope {of['slope']:.2g}"
        )
    if paths:
        ax, order = axes[len(panels)], sorted(paths)
        _contours(ax, x, above["fine-tuned"], levels, "paths, fine-tuned")
        for (method, colour), marker in zip(colours(order).items(), MARKERS, strict=False):
            places = np.asarray(paths[method])
            line = {"color": colour, "marker": marker, "markersize": 3.5, "linewidth": 1.2, "label": method}
            ax.plot(places[:, 0], places[:, 1], **line, markeredgecolor="white", markeredgewidth=0.4)
        ax.plot(*np.asarray(paths[order[0]])[0], marker="o", color="white", markeredgecolor="black", markersize=7)
        ax.set_xlabel("direction 1")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False)
    bar = figure.colorbar(drawn, ax=axes, location="bottom", aspect=60, fraction=0.05, pad=0.03)
    bar.locator = MaxNLocator(8)
    bar.set_label("loss above the panel's least (nats)")
    caption = (
        f"Run {run}: mean loss over alpha's images at alpha + x d1 + y d2, eval mode, with weights as they are, after "
        f"one unrolled step, and after fine-tuning at each point: {len(x)} x {len(x)} points (dots), straight lines "
        "between them. The panels have one scale, from the least loss of each on, so an even colour is flat. Star: the "
        "least loss of the grid, beyond which there may be less where it is on the border; alpha is at (0, 0)."
    )
    if paths:
        caption += " Paths: updates of alpha from one start (circle), every move scaled to one length."
    return Plot(f"landscape-{run}", f"Loss around alpha: {run}", caption, figure)


def _contours(ax: Axes, x: np.ndarray, grid: np.ndarray, levels: np.ndarray, title: str) -> ContourSet:
    drawn = ax.contourf(x, x, grid, levels=levels, cmap="viridis")
    ax.contour(x, x, grid, levels=levels, colors="black", linewidths=0.3, alpha=0.5)
    ax.plot(*map(np.ravel, np.meshgrid(x, x)), ".", color="white", markersize=1.5, alpha=0.7, clip_on=False)
    ax.set(title=title, xlabel="direction 1", ylabel="direction 2", aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5))
    ax.grid(False)
    return drawn
