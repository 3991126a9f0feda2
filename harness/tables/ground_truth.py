"""What a ground truth is: a finite space whose every architecture has been trained, looked up in place of training.

    class Tiny:
        title, summary = "Tiny", "3 edges x 4 operations, trained for 1 epoch"
        datasets, epochs = {"made": 10}, (1,)
        how, fingerprint, provenance = "test accuracy, percent", "1", {"source": "a formula"}

        def open(self): return self
        def validation(self, dataset, epochs): return ACCURACIES  # (4, 4, 4)
        def seconds(self, dataset, epochs): return Seconds(np.ones((4, 4, 4)), "training")
        def accuracies(self, genotype): return {"made": {"valid": ..., "test": ...}}

    TABLES = {"tiny": Tiny}

A space names the table that it is searched on in `Space.table`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from harness.core.registry import misfit

Grid = NDArray[np.float64]
"""One number for each architecture: an axis for each of the space's choices, flat, its options along it."""
Advance = Callable[[int], object]
"""Is told how many more bytes have been read."""


class Seconds(NamedTuple):
    """What evaluating each architecture takes, and what is in it, in words: "training and one validation"."""

    values: Grid
    of: str


class Benchmark(Protocol):
    """A table as it is known by name, before its file is read."""

    @property
    def title(self) -> str:
        """What its authors call it."""
        ...

    @property
    def summary(self) -> str:
        """What it holds, in one line."""
        ...

    @property
    def datasets(self) -> Mapping[str, int]:
        """Those that a search can be on, and how many classes each has. The first sizes the networks of a look-up."""
        ...

    @property
    def epochs(self) -> Sequence[int]:
        """The lengths of training whose validation accuracies are known. A search on the expected error is of the
        longest unless told otherwise, single trials are of the shortest; cells are judged after the longest."""
        ...

    def open(self) -> GroundTruth:
        """Reads the table. Raises HarnessError where it is not there, or damaged."""
        ...


class GroundTruth(Benchmark, Protocol):
    """An open table. Accuracies are in percent."""

    @property
    def how(self) -> str:
        """What `accuracies` are, for the result file: after which training, over which seeds."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of all the numbers: another one is another table."""
        ...

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Where they come from; JSON."""
        ...

    def validation(self, dataset: str, epochs: int) -> Grid:
        """The accuracies that guide a search."""
        ...

    def seconds(self, dataset: str, epochs: int) -> Seconds:
        """What a simulated budget is charged for looking at one of `validation`."""
        ...

    def accuracies(self, genotype: Genotype) -> dict[str, dict[str, float]]:
        """After the longest training: {data set: {"valid": ..., "test": ...}}. Raises HarnessError for a
        genotype that is none of the table's."""
        ...


@runtime_checkable
class Checked(Protocol):
    """A table that is kept in a file."""

    def check(self) -> str:
        """Reads the table's file and says what it holds, in lines. Raises HarnessError."""
        ...


@runtime_checkable
class Repeated(Protocol):
    """A table that tells the trainings of an architecture apart, each with a seed of its own."""

    def trials(self, dataset: str, epochs: int) -> Grid:
        """(seeds, ...): what each training gave of `validation`; NaN where there is none with that seed, of which an
        architecture has one at least. Raises HarnessError where the table tells none apart."""
        ...


@runtime_checkable
class Importable(Checked, Protocol):
    """A table whose file the user makes from one of the benchmark's own."""

    def size(self, source: Path) -> int:
        """Bytes of a file or folder to import. Raises HarnessError where there is none."""
        ...

    def import_from(self, source: Path, advance: Advance) -> None:
        """Makes the table's file, whole or not at all; `advance` sees the source's bytes go by twice. Raises
        HarnessError."""
        ...


def opened(benchmark: Benchmark) -> GroundTruth:
    """The ground truth behind a name. Raises HarnessError where it cannot be read, or is not one."""
    truth = benchmark.open()
    if fault := misfit(truth, GroundTruth):
        raise HarnessError(f"the table {benchmark.title} does not open to a ground truth: {fault}.")
    return truth


def check(benchmark: Benchmark) -> str:
    """What a table holds, in lines, once it has been read. Raises HarnessError."""
    if isinstance(benchmark, Checked):
        return benchmark.check()
    truth = opened(benchmark)
    rows = [
        f"{dataset}, {classes} classes, {epochs} epochs: {grid.size:,} architectures, best valid {grid.max():.3f} %"
        for dataset, classes in truth.datasets.items()
        for epochs in truth.epochs
        for grid in [truth.validation(dataset, epochs)]
    ]
    return "\n".join((f"{truth.title}: {truth.summary}", *rows, f"fingerprint {truth.fingerprint}"))
