"""Tables of any finite space: columns of numbers over the grid that its choices span, and the ground truth of them.

A column is called

* `valid/<data set>/<epochs>` and `test/<data set>/<epochs>`: accuracies in percent after a training of so many epochs;
* `seconds/<data set>/<epochs>`: what a simulated budget is charged for such a training and a look at `valid`;
* `cost/<name>`: anything else of an architecture, such as cost/mparams, cost/mflops or cost/latency_pixel3.

`harness.tables.tabulating` makes a table of a CSV or Parquet file, `harness.tables.nats_sss` of NATS-Bench's own.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.errors import HarnessError
from harness.core.files import make_folder, write_atomic
from harness.core.genotype import Genotype
from harness.core.imported import ENTRY, LAYOUT, Description, describe, stamp
from harness.core.untrusted import DAMAGES, reason
from harness.tables.ground_truth import Grid, Seconds

CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet16-120": 120}
"""Of data sets that are known by name; 0 stands for those of others, which no file says."""


class TabulatedBenchmark:
    """A table as its file describes it."""

    def __init__(self, path: Path) -> None:
        """Raises HarnessError for a damaged file."""
        self.path, self.described = path, describe(path)

    @property
    def title(self) -> str:
        return self.described.title

    @property
    def summary(self) -> str:
        after = ", ".join(map(str, self.epochs))
        return f"{_architectures(self.described):,} architectures on {', '.join(self.datasets)}, after {after} epochs"

    @property
    def datasets(self) -> Mapping[str, int]:
        return {dataset: CLASSES.get(dataset, 0) for dataset in _known(self.described, 1)}

    @property
    def epochs(self) -> Sequence[int]:
        return sorted(int(epochs) for epochs in _known(self.described, 2))

    def open(self) -> Tabulated:
        """Reads all numbers. Raises HarnessError for a damaged file."""
        return _opened(self.path, stamp(self.path))

    def check(self) -> str:
        return self.open().check()


class Tabulated(TabulatedBenchmark):
    """An open table."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.columns = _read(path, self.described)

    @property
    def how(self) -> str:
        return f"{self.title}'s table by data set, percent: after {self.epochs[-1]} epochs"

    @property
    def fingerprint(self) -> str:
        return self.described.digest

    @property
    def provenance(self) -> Mapping[str, Any]:
        return self.described.provenance

    def open(self) -> Tabulated:
        return self

    def validation(self, dataset: str, epochs: int) -> Grid:
        return self.columns[f"valid/{dataset}/{epochs}"]

    def seconds(self, dataset: str, epochs: int) -> Seconds:
        values = self.columns.get(f"seconds/{dataset}/{epochs}")
        if values is None:
            return Seconds(np.zeros(self._shape), "nothing, as the imported file has no times")
        return Seconds(values, "training and one validation")

    def accuracies(self, genotype: Genotype) -> dict[str, dict[str, float]]:
        place, last = self._place(genotype), self.epochs[-1]
        return {
            dataset: {split: float(self.columns[f"{split}/{dataset}/{last}"][place]) for split in ("valid", "test")}
            for dataset in self.datasets
        }

    def row(self, genotype: Genotype) -> dict[str, float]:
        """All that the table says of an architecture, by column. Raises HarnessError as `accuracies` does."""
        place = self._place(genotype)
        return {name: float(values[place]) for name, values in self.columns.items()}

    def check(self) -> str:
        rows = [f"{name}: {values.min():g} to {values.max():g}" for name, values in self.columns.items()]
        choices = [f"{name}: {', '.join(options)}" for name, options in self.described.choices.items()]
        origin = f"made from {self.provenance['source']} ({self.provenance['form']})"
        head = f"{self.title}: {self.summary}, in {self.path} (checksum: ok)"
        return "\n".join((head, origin, *choices, *rows, f"fingerprint {self.fingerprint}"))

    @cached_property
    def _shape(self) -> tuple[int, ...]:
        return tuple(map(len, self.described.choices.values()))

    @cached_property
    def _options(self) -> list[dict[str, int]]:
        return [{name: place for place, name in enumerate(options)} for options in self.described.choices.values()]

    def _place(self, genotype: Genotype) -> tuple[int, ...]:
        """Of an architecture in the grid."""
        names = [name for _, cell in genotype.cells for name, _ in cell.edges]
        if len(names) != len(self._options) or not all(n in of for n, of in zip(names, self._options, strict=True)):
            raise HarnessError(f"{genotype} is none of {self.title}'s architectures.")
        return tuple(of[name] for name, of in zip(names, self._options, strict=True))


@lru_cache(maxsize=2)
def _opened(path: Path, stamped: tuple[int, int]) -> Tabulated:
    """Many runs look into one table, which is read again where its file is another."""
    return Tabulated(path)


def save(
    path: Path,
    title: str,
    choices: Mapping[str, Sequence[str]],
    columns: Mapping[str, np.ndarray[Any, Any]],
    provenance: Mapping[str, Any],
) -> None:
    """Writes the file that `Tabulated` reads, whole or not at all. The columns are flat or grids, in the order of the
    grid. Raises HarnessError."""
    options = {name: list(own) for name, own in choices.items()}
    said: dict[str, Any] = {"layout": LAYOUT, "title": title, "choices": options, "columns": list(columns)}
    said["provenance"] = dict(provenance)
    flat = {name: np.ascontiguousarray(values, dtype="<f8").reshape(-1) for name, values in columns.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(ENTRY, json.dumps({**said, "digest": _digest(said, flat)}, indent=2))
        for number, values in enumerate(flat.values()):
            with archive.open(_entry(number), "w") as entry:
                np.lib.format.write_array(entry, values, allow_pickle=False)
    make_folder(path.parent)
    write_atomic(path, file.getvalue())


def _read(path: Path, described: Description) -> dict[str, Grid]:
    shape = tuple(map(len, described.choices.values()))
    columns: dict[str, Grid] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            said = json.loads(archive.read(ENTRY))
            for number, name in enumerate(described.columns):
                with archive.open(_entry(number)) as entry:
                    columns[name] = np.lib.format.read_array(entry, allow_pickle=False).reshape(shape)
        del said["digest"]
        if _digest(said, columns) != described.digest:
            raise ValueError("its checksum does not match")
    except (OSError, zipfile.BadZipFile, *DAMAGES) as error:
        raise HarnessError(f"the table {path} is damaged ({reason(error)}); import it again.") from None
    for values in columns.values():
        values.flags.writeable = False
    return columns


def _entry(number: int) -> str:
    return f"{number:04d}.npy"


def _digest(said: Mapping[str, Any], columns: Mapping[str, np.ndarray[Any, Any]]) -> str:
    digest = hashlib.sha256(json.dumps(said).encode())
    for values in columns.values():
        digest.update(values.tobytes())
    return digest.hexdigest()


def _known(described: Description, place: int) -> dict[str, None]:
    """The data sets, or the lengths of training, of which there is a validation accuracy."""
    names = (name.split("/") for name in described.columns)
    return dict.fromkeys(parts[place] for parts in names if parts[0] == "valid")


def _architectures(described: Description) -> int:
    return int(np.prod([len(options) for options in described.choices.values()]))
