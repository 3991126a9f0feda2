"""What searches cost against what they find."""

from __future__ import annotations

import math

import seaborn as sns

from reports.figures.frames import Frames
from reports.figures.panels import MARKERS, MOST_METHODS, colours, figure_of, legend
from reports.figures.plot import Plot
from reports.records import CPU


def draw(frames: Frames) -> list[Plot]:
    """Every evaluated run, by benchmark and device."""
    scored = frames.scored
    if scored.empty:
        return []
    groups = list(scored.groupby(["benchmark", "device"]))
    order = sorted(scored.method.unique())[:MOST_METHODS]
    columns = min(3, len(groups) + 1)
    figure, axes = figure_of(math.ceil((len(groups) + 1) / columns), columns, height=2.3)
    for ax, ((benchmark, device), group) in zip(axes, groups, strict=False):
        group = group[group.method.isin(order)].assign(hours=lambda frame: frame.seconds / 3600)
        sns.scatterplot(
            group,
            x="hours",
            y="error",
            hue="method",
            style="method",
            hue_order=order,
            style_order=order,
            palette=colours(order),
            markers=dict(zip(order, MARKERS, strict=False)),
            legend=False,
            ax=ax,
        )
        unit = "CPU-hours" if device == CPU else f"GPU-hours, {device}"
        ax.set(title=benchmark, xlabel=f"search cost ({unit})", ylabel="test error (%)")
        if group.hours.max() > 10 * group.hours.min():
            ax.set_xscale("log")
    legend(axes[len(groups)], order, lines=False)
    for ax in axes[len(groups) + 1 :]:
        ax.set_axis_off()
    caption = "Every evaluated run; costs on different devices stand in different panels."
    return [Plot("cost", "Search cost against test error", caption, figure)]
