"""NAS-Bench-201 as a ground truth: which of its trainings guide a search, what they cost, and what judges a cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from harness.tables.ground_truth import Advance, Grid, Seconds
from harness.tables.nasbench201 import EPOCHS, MEAN, Column, Table, default_path, open_table

GUIDES: Mapping[str, str] = {
    "cifar10": "cifar10-valid",
    "cifar100": "cifar100",
    "imagenet16-120": "imagenet16-120",
}
"""By data set, the training whose validation accuracy guides a search: CIFAR-10's is that on half of its images."""
FINAL_EPOCHS = 200
"""Of the training that a found cell is judged by."""


class NasBench201Benchmark:
    """The table that the user has imported."""

    title = "NAS-Bench-201"
    summary = "15,625 cells on CIFAR-10, CIFAR-100 and ImageNet16-120, after 12 and 200 epochs"
    datasets: Mapping[str, int] = {"cifar10": 10, "cifar100": 100, "imagenet16-120": 120}
    epochs = EPOCHS
    image_sizes: Mapping[str, int] = {"imagenet16-120": 16}

    def open(self) -> NasBench201:
        """The table in the user's cache, read anew. Raises HarnessError where there is none, or it is damaged."""
        return NasBench201(open_table())

    def size(self, source: Path) -> int:
        from harness.tables.importing import size

        return size(source)

    def import_from(self, source: Path, advance: Advance) -> None:
        from harness.tables.importing import import_table

        import_table(source, advance=advance)

    def check(self) -> str:
        from harness.tables.importing import summary

        return summary(open_table(), default_path())


@dataclass(frozen=True)
class NasBench201(NasBench201Benchmark):
    """An open table. All accuracies are means over the benchmark's seeds."""

    table: Table

    how = (
        f"NAS-Bench-201's table by data set, percent: {FINAL_EPOCHS} epochs, mean over its seeds; CIFAR-10's valid is "
        "that of training on half of the images"
    )

    def open(self) -> NasBench201:
        return self

    @property
    def fingerprint(self) -> str:
        return self.table.digest

    @property
    def provenance(self) -> Mapping[str, Any]:
        return self.table.provenance

    def validation(self, dataset: str, epochs: int) -> Grid:
        """(5, 5, 5, 5, 5, 5)"""
        return self.table.grid(self.table.column(GUIDES[dataset], "valid", epochs, MEAN))

    def trials(self, dataset: str, epochs: int) -> Grid:
        """(seeds, 5, 5, 5, 5, 5, 5)"""
        guide, table = GUIDES[dataset], self.table
        seeds = table.seeds(guide, "valid", epochs)
        if not seeds:
            raise HarnessError(
                f"the imported file holds, of the trainings for {epochs} epochs that guide a search on {dataset}, only "
                "the mean over their seeds; choose other table_epochs or another oracle, or import the benchmark's own "
                "file."
            )
        return np.stack([table.grid(trained) for trained in table.trials(guide, "valid", epochs)])

    def seconds(self, dataset: str, epochs: int) -> Seconds:
        """What this training and one pass over the validation images took the benchmark's authors; without the pass
        where the imported file does not time it."""
        guide, table = GUIDES[dataset], self.table
        trained = table.train_seconds(guide, epochs)
        if f"eval_seconds/{guide}/valid/{epochs}" not in table.columns:
            return Seconds(table.grid(trained), "training, as the imported file does not time validation")
        return Seconds(table.grid(trained + table.eval_seconds(guide, "valid", epochs)), "training and one validation")

    def accuracies(self, genotype: Genotype) -> dict[str, dict[str, float]]:
        index = self.table.index(genotype)
        return {
            name: {split: float(self._final[name, split][index]) for split in ("valid", "test")}
            for name in self.datasets
        }

    @cached_property
    def _final(self) -> dict[tuple[str, str], Column]:
        return {
            (name, split): self.table.column(GUIDES[name] if split == "valid" else name, split, FINAL_EPOCHS, MEAN)
            for name in self.datasets
            for split in ("valid", "test")
        }
