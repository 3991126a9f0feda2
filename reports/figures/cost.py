"""What searches cost against what they find."""

from __future__ import annotations

import seaborn as sns

from reports.costs import unit
from reports.figures.frames import Frames
from reports.figures.panels import MARKERS, NARROW, colours, figure_of, first, legend, wrapped
from reports.figures.plot import Plot


def draw(frames: Frames) -> list[Plot]:
    """Every evaluated run, by benchmark and device."""
    scored = frames.scored
    if scored.empty:
        return []
    groups = list(scored.groupby(["benchmark", "device"]))
    order, left = first(scored.method)
    figure, axes = figure_of(len(groups), height=2.0)
    for ax, ((benchmark, device), group) in zip(axes, groups, strict=True):
        length, name = unit(group.seconds)
        group = group[group.method.isin(order)].assign(cost=group.seconds / length)
        sns.scatterplot(
            group,
            x="cost",
            s=16,
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
        ax.set(
            title=wrapped(str(benchmark), NARROW),
            xlabel=wrapped(f"search cost ({name}, {device})", 32),
            ylabel="test error (%)",
        )
        if group.cost.max() > 10 * group.cost.min() > 0:
            ax.set_xscale("log")
            ax.xaxis.set_major_formatter("{x:g}")  # the exponents of powers would be too small to print
            ax.xaxis.set_minor_formatter("")
    legend(figure, order, lines=False, title=left)
    caption = f"Every evaluated run; costs on different devices stand in different panels. {left}"
    return [Plot("cost", "Search cost against test error", caption.strip(), figure)]
