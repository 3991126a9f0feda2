"""NAS-Bench-201's table in the place of images: what a search on it is given as its data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from harness.core.errors import unknown
from harness.core.genotype import Genotype
from harness.tables.nasbench201 import MEAN, Table, open_table

SEARCHED: Mapping[str, str] = {
    "cifar10": "cifar10-valid",
    "cifar100": "cifar100",
    "imagenet16-120": "imagenet16-120",
}
"""By data set, the training whose validation accuracy guides a search: CIFAR-10's is that on half of its images."""
CLASSES: Mapping[str, int] = {"cifar10": 10, "cifar100": 100, "imagenet16-120": 120}
FINAL_EPOCHS = 200
"""Of the training that a found cell is judged by."""


@dataclass(frozen=True)
class TableData:
    """One data set of the table. Accuracies are in percent and means over the benchmark's seeds."""

    name: str
    table: Table

    def __post_init__(self) -> None:
        if self.name not in SEARCHED:
            raise unknown("data set of NAS-Bench-201's table", self.name, SEARCHED)

    @property
    def classes(self) -> int:
        return CLASSES[self.name]

    @property
    def fingerprint(self) -> str:
        """Of the table's content."""
        return self.table.digest

    def validation(self, epochs: int) -> np.ndarray:
        """(15625,) validation accuracies after this training, in percent, in index order."""
        return self.table.column(SEARCHED[self.name], "valid", epochs, MEAN)

    def times_validation(self, epochs: int) -> bool:
        """Whether the imported file says how long a pass over the validation images took."""
        return f"eval_seconds/{SEARCHED[self.name]}/valid/{epochs}" in self.table.columns

    def seconds(self, epochs: int) -> np.ndarray:
        """(15625,) seconds that this training and one pass over the validation images took the benchmark's authors;
        without the pass where `times_validation` is false."""
        trained = SEARCHED[self.name]
        validation = self.table.eval_seconds(trained, "valid", epochs) if self.times_validation(epochs) else 0.0
        return self.table.train_seconds(trained, epochs) + validation

    def error_grid(self, epochs: int) -> Tensor:
        """(5, 5, 5, 5, 5, 5) float64: the validation error, a fraction, of every cell; an axis for each edge."""
        return torch.from_numpy(1 - self.table.grid(self.validation(epochs)) / 100)

    def accuracies(self, genotype: Genotype) -> dict[str, dict[str, float]]:
        """What the table says of a cell after the full training, percent: {data set: {"valid": ..., "test": ...}}."""
        index = self.table.index(genotype)
        return {
            name: {split: float(self._final[name, split][index]) for split in ("valid", "test")} for name in CLASSES
        }

    @cached_property
    def _final(self) -> dict[tuple[str, str], np.ndarray]:
        return {
            (name, split): self.table.column(SEARCHED[name] if split == "valid" else name, split, FINAL_EPOCHS, MEAN)
            for name in CLASSES
            for split in ("valid", "test")
        }


def open_data(name: str) -> TableData:
    """A data set of the imported table. Raises HarnessError where there is no such data set, or no table."""
    if name not in SEARCHED:
        raise unknown("data set of NAS-Bench-201's table", name, SEARCHED)
    return TableData(name, open_table())
