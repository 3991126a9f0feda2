"""The effective sample size of MGS over the epochs."""

from __future__ import annotations

from reports.figures import over_epochs
from reports.figures.frames import Frames
from reports.figures.over_epochs import Measure
from reports.figures.panels import first
from reports.figures.plot import Plot


def draw(frames: Frames) -> list[Plot]:
    """Supplement, Fig. 2: effective sample size and its ratio to the number of samples."""
    epochs = frames.epochs
    if "rule.ess" not in epochs or epochs["rule.ess"].notna().sum() == 0:
        return []
    epochs = epochs[epochs["rule.ess"].notna()]
    order, left = first(epochs.label)
    measures = [
        Measure("rule.ess", "Effective sample size", "ESS"),
        Measure("rule.esr", "Effective sample ratio", "ESS / N"),
    ]
    said = over_epochs.caption(epochs, order)
    caption = f"Mean over the updates of an epoch, all spaces and data sets together: {said} {left}"
    figure = over_epochs.draw(epochs, measures, order, left)
    return [Plot("ess", "Effective sample size of MGS", caption.strip(), figure)]
