"""The effective sample size of MGS over the epochs."""

from __future__ import annotations

from reports.figures.frames import Frames
from reports.figures.panels import MOST_METHODS, figure_of, legend, lines
from reports.figures.plot import Plot


def draw(frames: Frames) -> list[Plot]:
    """Supplement, Fig. 2: effective sample size and its ratio to the number of samples."""
    epochs = frames.epochs
    if "rule.ess" not in epochs or epochs["rule.ess"].notna().sum() == 0:
        return []
    epochs = epochs[epochs["rule.ess"].notna()]
    order = sorted(epochs.label.unique())[:MOST_METHODS]
    figure, axes = figure_of(2)
    lines(axes[0], epochs, "rule.ess", "Effective sample size", "ESS", order)
    lines(axes[1], epochs, "rule.esr", "Effective sample ratio", "ESS / N", order)
    legend(figure, order)
    caption = (
        "Mean over the updates of an epoch, all spaces and data sets together; the band is from the least to the most."
    )
    return [Plot("ess", "Effective sample size of MGS", caption, figure)]
