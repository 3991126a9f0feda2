"""Convergence over the epochs of the searches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from reports.figures import over_epochs
from reports.figures.frames import Frames
from reports.figures.over_epochs import COUNTED, Measure
from reports.figures.panels import first
from reports.figures.plot import Plot
from reports.parameters import parameters
from reports.statistics.operations import idle
from reports.statistics.scores import LOOK_UP, cells_on_the_way
from reports.statistics.truth import looked_up

CHANNELS, CELLS = 36, 20
"""Of the networks whose parameters are drawn (paper, section 5)."""
CLASSES = {"cifar100": 100}


def draw(frames: Frames) -> list[Plot]:
    """Paper, Fig. 2, and supplement, Fig. 3: accuracy, size, and operations without parameters over the epochs."""
    trained = cells_on_the_way(frames.records, frames.epoch)
    trained = trained[trained.how != LOOK_UP]  # a table knows the cells of all epochs, not of the last alone
    return [
        plot
        for (space, dataset), group in looked_up(frames.epochs).groupby(["space", "dataset"])
        for plot in _convergence(group, trained, str(space), str(dataset))
    ]


def _convergence(epochs: pd.DataFrame, trained: pd.DataFrame, space: str, dataset: str) -> Iterator[Plot]:
    """None where the records, which may be packed, have nothing of this."""
    kind = _first_kind(epochs)
    measures = []
    trained = trained[trained.run.isin(epochs.run)]
    if len(trained):  # of several sizes of network the one that most cells were trained in
        how = trained.how.mode()[0]
        trained = trained[trained.how == how].rename(columns={"accuracy": "trained"})
        epochs = epochs.merge(trained[["run", "genotype", "trained"]], on=["run", "genotype"], how="left")
        curves = [_is_curve(of) for _, of in epochs.groupby("label")]
        if sum(curves) > len(curves) / 2:  # else the panel is one of dots
            measures.append(Measure("trained", f"Trained cell ({how}), test", "accuracy (%)"))
    measures.append(Measure("table.test", "Derived cell, by the table, test", "accuracy (%)"))
    if "valid_accuracy" in epochs:
        epochs = epochs.assign(accuracy=100 * epochs.valid_accuracy.astype(float))
        measures.append(Measure("accuracy", "Supernet, validation", "accuracy (%)"))
    if kind == "normal":
        classes = CLASSES.get(dataset, 10)
        counted = epochs.genotype.map(lambda text: parameters(text, CHANNELS, CELLS, classes), na_action="ignore")
        epochs = epochs.assign(size=pd.to_numeric(counted) / 1e6)
        measures.append(Measure("size", f"Network, {CELLS} cells, {CHANNELS} channels", "parameters (M)"))
    of_cell = "normal cell" if kind == "normal" else "cell"  # the other families have one
    epochs = epochs.assign(idle=epochs.genotype.map(lambda text: idle(text, kind), na_action="ignore"))
    measures += [
        Measure(f"operations.{kind}.parameterless", f"Parameterless operations, {of_cell}", COUNTED),
        Measure(f"operations.{kind}.skip", f"Skip connections, {of_cell}", COUNTED),
        Measure("idle", f"None or noise, {of_cell}", COUNTED),
    ]
    measures = [of for of in measures if of.column in epochs and _tells(epochs[of.column], of.unit)]
    if not measures:
        return
    order, left = first(epochs.label)
    figure = over_epochs.draw(epochs[epochs.label.isin(order)], measures, order, left)
    caption = (
        f"Over the epochs of the searches on {space} with {dataset}: {over_epochs.caption(epochs, order)} "
        "The supernet's accuracy is not the cell's; a trained cell's stands where the cells of most were trained, "
        "the table's at every epoch. Parameterless: pooling and skip connections among the chosen operations. None or "
        f"noise: operations that hand nothing on. What no cell has is not drawn. {left}"
    )
    yield Plot(f"convergence-{space}-{dataset}", f"Convergence on {space} with {dataset}", caption.strip(), figure)


def _is_curve(epochs: pd.DataFrame) -> bool:
    """Whether the cells that were trained are those of half of the way: that of the end is often that of some epochs
    before, too."""
    trained = over_epochs.means(epochs, "trained").index
    return len(trained) > 1 and np.ptp(trained) >= np.ptp(epochs.epoch) / 2


def _tells(values: pd.Series, unit: str) -> bool:
    """Whether there is anything to draw; operations that no cell has are those of another space."""
    return bool((values > 0).any() if unit == COUNTED else values.notna().any())


def _first_kind(epochs: pd.DataFrame) -> str:
    """The kind of cell whose operations are drawn: the first that these epochs count the operations of."""
    counted = [name for name in epochs if name.startswith("operations.") and epochs[name].notna().any()]
    return str(counted[0]).split(".")[1] if counted else "normal"
