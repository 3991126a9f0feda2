"""What NAS-Bench-201's table says of the cells that searches of its supernet have on their way."""

from __future__ import annotations

import numpy as np

from harness.core.errors import HarnessError
from harness.tables.nasbench201 import MEAN, open_table
from reports.figures.frames import Frames
from reports.figures.panels import GREY, MOST_METHODS, figure_of, legend, lines
from reports.figures.plot import Plot

DATASETS201 = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16-120": "ImageNet16-120"}


def draw(frames: Frames) -> list[Plot]:
    """Supplement, Fig. 4: the table's accuracy of the cell that each epoch would give. None without the table. What
    records of searches on the table itself say is drawn by `anytime`."""
    epochs = frames.epochs
    epochs = epochs[epochs.space.astype(str).str.startswith("nasbench201")]
    if "table.test" in epochs:
        epochs = epochs[epochs["table.test"].isna()]
    if epochs.empty:
        return []
    try:
        table = open_table()
    except HarnessError:
        return []
    order = sorted(epochs.label.unique())[:MOST_METHODS]
    figure, axes = figure_of(3)
    for ax, (dataset, title) in zip(axes, DATASETS201.items(), strict=True):
        of_cells = {cell: table.accuracy(cell, dataset, "test", 200, MEAN) for cell in epochs.genotype.unique()}
        lines(ax, epochs.assign(found=epochs.genotype.map(of_cells)), "found", title, "test accuracy (%)", order)
        best = float(np.nanmax(table.column(dataset, "test", 200, MEAN)))
        ax.axhline(best, color=GREY, linestyle=":", linewidth=1)
    legend(figure, order)
    caption = (
        "The cell derived after each epoch, looked up after 200 epochs of training (mean over the table's seeds): mean "
        "over the searches, band from the least to the most. Dotted: the best cell of the table."
    )
    return [Plot("nasbench201", "NAS-Bench-201: accuracy of the derived cell", caption, figure)]
