"""What NAS-Bench-201's table says of the cells that searches of its supernet have on their way."""

from __future__ import annotations

import numpy as np

from harness.core.errors import HarnessError
from harness.tables.nasbench201 import MEAN, open_table
from reports.figures import over_epochs
from reports.figures.frames import Frames
from reports.figures.over_epochs import Measure
from reports.figures.panels import first
from reports.figures.plot import Plot

DATASETS201 = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16-120": "ImageNet16-120"}


def draw(frames: Frames) -> list[Plot]:
    """Supplement, Fig. 4: the table's accuracy of the cell that each epoch would give. None without the table. What
    records of searches on the table itself say is drawn by `anytime`."""
    epochs = frames.epochs
    epochs = epochs[epochs.space.astype(str).str.startswith("nasbench201") & epochs.genotype.notna()]
    if "table.test" in epochs:
        epochs = epochs[epochs["table.test"].isna()]
    if epochs.empty:
        return []
    try:
        table = open_table()
    except HarnessError:
        return []
    measures = []
    for dataset, title in DATASETS201.items():
        of_cells = {cell: table.accuracy(cell, dataset, "test", 200, MEAN) for cell in epochs.genotype.unique()}
        epochs = epochs.assign(**{f"found.{dataset}": epochs.genotype.map(of_cells)})
        best = float(np.nanmax(table.column(dataset, "test", 200, MEAN)))
        measures.append(Measure(f"found.{dataset}", title, "test accuracy (%)", best))
    order, left = first(epochs.label)
    caption = (
        "The cell derived after each epoch, looked up after 200 epochs of training (mean over the table's seeds): "
        f"{over_epochs.caption(epochs, order)} Dotted: the best cell of the table. {left}"
    )
    figure = over_epochs.draw(epochs, measures, order, left)
    return [Plot("nasbench201", "NAS-Bench-201: accuracy of the derived cell", caption.strip(), figure)]
