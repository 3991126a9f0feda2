"""The effective sample size by the way to weigh candidates."""

from __future__ import annotations

import seaborn as sns

from reports import analyses
from reports.figures.frames import Frames
from reports.figures.panels import MARKERS, colours, figure_of, legend
from reports.figures.plot import Plot


def draw(frames: Frames) -> list[Plot]:
    """Effective sample size against the number of samples, by the way candidates are weighed."""
    found = analyses.effective_samples(frames.records)
    if found.empty:
        return []
    order = sorted(found.weight_mode.unique())
    figure, axes = figure_of(2)
    for ax, (y, title) in zip(axes, (("ess", "Effective sample size"), ("esr", "Effective sample ratio")), strict=True):
        sns.lineplot(
            found,
            x="samples",
            y=y,
            hue="weight_mode",
            style="weight_mode",
            hue_order=order,
            style_order=order,
            palette=colours(order),
            dashes=False,
            markers=dict(zip(order, MARKERS, strict=False)),
            errorbar=("pi", 100) if found.run.nunique() > 1 else None,
            legend=False,
            ax=ax,
        )
        ax.set(title=title, xlabel="N, samples", ylabel=y.upper())
    legend(figure, order, lines=False)
    caption = (
        f"At the final alpha of {found.run.nunique()} runs, mean over draws; weights: exact as the paper states them, "
        "released as its code has them, softmin their limit, unit_var the original MGS code's."
    )
    return [Plot("ess-by-weights", "Effective sample size by the way to weigh", caption, figure)]
