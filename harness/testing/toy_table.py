"""Tables from a formula, for what must not need the real ones: NAS-Bench-201's, and one of any space."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.genotype import Genotype
from harness.tables.ground_truth import Benchmark, Grid, Seconds
from harness.tables.nasbench201 import CELLS, EPOCHS, GRID, SPLITS, Table, all_cells
from spaces import Space

WORTH = np.array([0.0, 0.25, 0.7, 1.0, 0.35])
"""Of each operation; cells of 3x3 convolutions are best, and all-skip is poor, as in the benchmark."""
EDGES = np.array([1.0, 0.7, 1.1, 1.3, 0.8, 1.2])
TOP = {"cifar10-valid": 91.0, "cifar10": 94.0, "cifar100": 73.0, "imagenet16-120": 46.0}
SEEDS = (777, 888, 999)
STEP = 7919
"""Coprime to 15,625: the index order is a fixed shuffle of the grid's, so that mixing them up shows."""


def toy_table() -> Table:
    """All columns that the benchmark has; half of the cells lack the seed 999, as in the benchmark."""
    places = np.arange(CELLS) * STEP % CELLS
    operations = np.stack(np.unravel_index(places, GRID), axis=1)
    merit = WORTH[operations] @ EDGES / EDGES.sum()
    convolutions = np.isin(operations, (2, 3)).sum(axis=1)
    columns = {}
    for number, (dataset, splits) in enumerate(SPLITS.items()):
        for epochs in EPOCHS:
            level = np.round(TOP[dataset] * (1 - 0.5 * (1 - merit) ** 2 - (0.1 if epochs == 12 else 0)), 2)
            for split in splits:
                trials = [
                    level + np.round(np.sin(places * (s + epochs + len(split)) + number), 2) / 4 for s in (1, 2, 3)
                ]
                trials[2][places % 2 == 0] = np.nan
                for seed, trial in zip(SEEDS, trials, strict=True):
                    columns[f"accuracy/{dataset}/{split}/{epochs}/{seed}"] = trial
                columns[f"accuracy/{dataset}/{split}/{epochs}/mean"] = np.nanmean(trials, axis=0)
                columns[f"eval_seconds/{dataset}/{split}/{epochs}"] = 1.0 + convolutions / 6
            columns[f"train_seconds/{dataset}/{epochs}"] = epochs * (5.0 + convolutions)
        columns[f"mparams/{dataset}"] = 0.1 + 0.2 * convolutions
        columns[f"mflops/{dataset}"] = 10.0 + 30.0 * convolutions
    strings = all_cells()
    return Table(tuple(strings[place] for place in places), columns, {"source": "a formula"})


def write_toy_table(path: Path) -> Path:
    """The same as a file that `open_table` reads."""
    toy_table().save(path)
    return path


class Made:
    """A ground truth of a benchmark's data sets and lengths of training, on a space without networks: the further the
    options of an architecture are from the first, the better it is."""

    how, fingerprint = "percent, by a formula", "made"
    provenance: Mapping[str, Any] = {"source": "a formula"}

    def __init__(self, space: Space, benchmark: Benchmark) -> None:
        self.space, self.title, self.summary = space, benchmark.title, benchmark.summary
        self.datasets, self.epochs = benchmark.datasets, benchmark.epochs

    def open(self) -> Made:
        return self

    def validation(self, dataset: str, epochs: int) -> Grid:
        worth = np.indices(self.space.widths).sum(axis=0) / (sum(self.space.widths) - len(self.space.widths))
        return 50 + 40 * worth + epochs / 100

    def seconds(self, dataset: str, epochs: int) -> Seconds:
        return Seconds(np.full(self.space.widths, 10.0 * epochs), "training")

    def accuracies(self, genotype: Genotype) -> dict[str, dict[str, float]]:
        ((_, cell),) = genotype.cells
        place = tuple(edge.operations.index(name) for edge, (name, _) in zip(self.space.edges, cell.edges, strict=True))
        last = {dataset: float(self.validation(dataset, max(self.epochs))[place]) for dataset in self.datasets}
        return {dataset: {"valid": value, "test": value - 1} for dataset, value in last.items()}
