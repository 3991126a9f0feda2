"""A ground truth in the place of images: what a search on a table is given as its data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.core.errors import HarnessError, unknown
from harness.core.genotype import Genotype
from harness.tables import TABLES
from harness.tables.ground_truth import Benchmark, Grid, GroundTruth, Repeated, Seconds, opened

IMAGE_SIZE = 32
"""Where a table says nothing of its images, in `image_sizes` by data set."""


@dataclass(frozen=True)
class TableData:
    """One data set of a table. Accuracies are in percent. Raises HarnessError for one that the table does not have."""

    name: str
    truth: GroundTruth

    def __post_init__(self) -> None:
        _check_dataset(self.name, self.truth)

    @property
    def classes(self) -> int:
        return self.truth.datasets[self.name]

    @property
    def fingerprint(self) -> str:
        """Of the table's content."""
        return self.truth.fingerprint

    @property
    def image_size(self) -> int:
        """Of the images that the table's networks were trained on."""
        sizes: Mapping[str, int] = getattr(self.truth, "image_sizes", {})
        return sizes.get(self.name, IMAGE_SIZE)

    def validation(self, epochs: int) -> Grid:
        """The validation accuracies after this training, an axis for each choice of the space."""
        return self.truth.validation(self.name, epochs)

    def trials(self, epochs: int) -> Grid:
        """(seeds, ...): the same of single trainings, NaN where there is none with a seed. Raises HarnessError for a
        table that does not tell them apart."""
        if not isinstance(self.truth, Repeated):
            raise HarnessError(f"{self.truth.title} does not tell trainings of one architecture apart.")
        return self.truth.trials(self.name, epochs)

    def seconds(self, epochs: int) -> Seconds:
        """What looking at one of them is charged, in the same order."""
        return self.truth.seconds(self.name, epochs)

    def error_grid(self, epochs: int) -> Tensor:
        """The validation errors, fractions, float64, in the same order."""
        return torch.from_numpy(1 - self.validation(epochs) / 100)

    def accuracies(self, genotype: Genotype) -> dict[str, dict[str, float]]:
        """What the table says of a cell after the full training: {data set: {"valid": ..., "test": ...}}."""
        return self.truth.accuracies(genotype)

    def check(self, what: str, grid: Grid, sizes: Sequence[int]) -> None:
        """Raises HarnessError unless these accuracies or seconds are a finite number for every architecture of a space
        whose choices have so many options."""
        if grid.shape != tuple(sizes):
            raise HarnessError(
                f"{self.truth.title}'s {what} on {self.name} are a grid of shape {grid.shape}, and the space's choices "
                f"have {tuple(sizes)} options; there must be an axis for each choice."
            )
        if not np.isfinite(grid).all():
            raise HarnessError(f"{self.truth.title}'s {what} on {self.name} are not all finite numbers.")


def open_data(name: str, table: str = "nasbench201") -> TableData:
    """A data set of a table. Raises HarnessError where there is no such data set, or the table cannot be read."""
    benchmark = TABLES[table]
    _check_dataset(name, benchmark)
    return TableData(name, opened(benchmark))


def _check_dataset(name: str, benchmark: Benchmark) -> None:
    if name not in benchmark.datasets:
        raise unknown(f"data set of {benchmark.title}'s table", name, benchmark.datasets)
