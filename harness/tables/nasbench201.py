"""NAS-Bench-201's table: what training each of its 15,625 cells from scratch gave, and what it cost.

Source: Dong & Yang, NAS-Bench-201 (ICLR 2020), and its files. `harness data import nasbench201 FILE` makes the one
small file that `open_table` reads.

* An index is the benchmark's own: the place of the cell in its list of architectures.
* A cell has six edges in the order of its notation, 1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2, and each carries one of
  `NB201_OPERATIONS`. A grid has one axis for each edge, with the operations in that order.
* Accuracies are in percent, at the end of training: 12 epochs (with the learning rate annealed over those 12) or 200.
* `cifar10-valid` was trained on one half of CIFAR-10's training set and validated on the other, `cifar10` on both
  halves. CIFAR-100 and ImageNet16-120 were trained on the training set; `valid` and `test` are halves of what is
  usually the test set (ImageNet: validation set), and `valid+test` is all of it.
* A seed is that of one training; `mean` is the mean over all trainings that the imported file holds.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import HarnessError, quoted, unknown
from harness.core.files import write_atomic
from harness.core.genotype import NB201_OPERATIONS, Genotype, from_nb201, parse, to_nb201
from harness.core.imported import cache_folder
from harness.core.untrusted import loads

Column = NDArray[np.float64]
"""One number for each cell, (15625,), in the order of the index."""

SPLITS: Mapping[str, tuple[str, ...]] = {
    "cifar10-valid": ("valid", "test"),
    "cifar10": ("test",),
    "cifar100": ("valid", "test", "valid+test"),
    "imagenet16-120": ("valid", "test", "valid+test"),
}
"""What a network trained on each data set was evaluated on."""
EPOCHS = (12, 200)
MEAN = "mean"
SOURCES = (0, 0, 1, 0, 1, 2)
"""The state that each edge reads."""
GRID = (len(NB201_OPERATIONS),) * len(SOURCES)
CELLS = len(NB201_OPERATIONS) ** len(SOURCES)
LAYOUT = 1
"""Of the file; raised when an older file can no longer be read."""
HINT = "make it with `harness data import nasbench201 FILE`"


def all_cells() -> list[str]:
    """The 15,625 cells as strings, in the order of a flattened grid: the operation of the last edge changes fastest."""
    edges = [[f"{operation}~{source}" for operation in NB201_OPERATIONS] for source in SOURCES]
    return [f"|{a}|+|{b}|{c}|+|{d}|{e}|{f}|" for a, b, c, d, e, f in product(*edges)]


def default_path() -> Path:
    """Where the table is kept unless told otherwise."""
    return cache_folder() / "nasbench201.parquet"


@dataclass(frozen=True)
class Table:
    """All cells as strings in index order, named columns in that order, and where they come from.

    A column is `accuracy/<data set>/<split>/<epochs>/<seed or mean>`, with NaN where a cell has no training with that
    seed, or one of `train_seconds/<data set>/<epochs>`, `eval_seconds/<data set>/<split>/<epochs>`, `mparams/<data
    set>` and `mflops/<data set>`, which hold no NaN. Which of them there are depends on the imported file; a query for
    what it lacks raises HarnessError.
    """

    cells: tuple[str, ...]
    columns: Mapping[str, Column]
    provenance: Mapping[str, Any]

    def index(self, cell: str | Genotype | int) -> int:
        """Of a cell in any notation. Raises HarnessError for what is no cell of the space."""
        if isinstance(cell, str):
            found = self._indices.get(cell)
            return self.index(parse(cell)) if found is None else found
        if isinstance(cell, Genotype):
            found = self._indices.get(to_nb201(cell)) if cell.family == "nasbench201" else None
            if found is None:
                raise HarnessError(f"{cell} is not one of NAS-Bench-201's cells.")
            return found
        if not 0 <= cell < CELLS:
            raise HarnessError(f"there is no cell {cell}; NAS-Bench-201 numbers its cells 0 to {CELLS - 1}.")
        return int(cell)

    def cell(self, index: int) -> Genotype:
        """The cell with this index."""
        return from_nb201(self.cells[self.index(index)])

    def accuracy(self, cell: str | Genotype | int, dataset: str, split: str, epochs: int, seed: int | str) -> float:
        """Percent. Raises HarnessError where the file has no such column or this cell was not trained with the seed."""
        value = float(self._accuracies(dataset, split, epochs, seed)[self.index(cell)])
        if value != value:
            raise HarnessError(
                f"{self.cells[self.index(cell)]} was not trained on {dataset} for {epochs} epochs with seed {seed}; "
                f"`mean` is over the seeds that it was trained with."
            )
        return value

    def column(self, dataset: str, split: str, epochs: int, seed: int | str) -> Column:
        """The accuracies of all cells, percent. Raises HarnessError where any is missing; `trials` has those."""
        values = self._accuracies(dataset, split, epochs, seed)
        missing = int(np.isnan(values).sum())
        if missing:
            raise HarnessError(f"{missing:,} cells were not trained on {dataset} with seed {seed}; ask for the mean.")
        return values

    def seeds(self, dataset: str, split: str, epochs: int) -> tuple[int, ...]:
        """Those of the single trainings that the file tells apart, ascending; empty where it holds only the mean."""
        prefix = f"accuracy/{dataset}/{split}/{epochs}/"
        seeds = (name.removeprefix(prefix) for name in self.columns if name.startswith(prefix))
        return tuple(sorted(int(seed) for seed in seeds if seed != MEAN))

    def trials(self, dataset: str, split: str, epochs: int) -> Column:
        """(seeds, 15625): the accuracies of single trainings, percent, one row for each of `seeds`, NaN where a cell
        was not trained with that seed. Raises HarnessError where the file tells none apart."""
        seeds = self.seeds(dataset, split, epochs) or ("any seed",)
        return np.stack([self._accuracies(dataset, split, epochs, seed) for seed in seeds])

    def row(self, cell: str | Genotype | int) -> dict[str, float]:
        """All that the file says of a cell, by column."""
        index = self.index(cell)
        return {name: float(values[index]) for name, values in self.columns.items() if not np.isnan(values[index])}

    def train_seconds(self, dataset: str, epochs: int) -> Column:
        """What training for these epochs took the benchmark's authors, mean over seeds, evaluation not included."""
        return self._named(f"train_seconds/{dataset}/{epochs}")

    def eval_seconds(self, dataset: str, split: str, epochs: int) -> Column:
        """What one pass over the split took them. A simulated budget charges training and one validation pass."""
        return self._named(f"eval_seconds/{dataset}/{split}/{epochs}")

    def mparams(self, dataset: str) -> Column:
        """Millions of parameters as recorded; some cells of the benchmark are off by one convolution."""
        return self._named(f"mparams/{dataset}")

    def mflops(self, dataset: str) -> Column:
        """Millions of multiply-adds as recorded; some cells of the benchmark are off by one convolution."""
        return self._named(f"mflops/{dataset}")

    def grid(self, values: NDArray[Any]) -> NDArray[Any]:
        """(15625, ...) in index order to (5, 5, 5, 5, 5, 5, ...): an axis for each edge, the operation along it. An
        expectation under independent distributions on the edges is a contraction of its axes."""
        grid = np.empty_like(values)
        grid[self.places] = values
        return grid.reshape(*GRID, *values.shape[1:])

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """(15625,): the place of each cell in a flattened grid."""
        place = {cell: number for number, cell in enumerate(all_cells())}
        return np.array([place[cell] for cell in self.cells])

    @property
    def operations(self) -> NDArray[np.int64]:
        """(15625, 6): the operation on each edge, as its place in `NB201_OPERATIONS`."""
        return np.stack(np.unravel_index(self.places, GRID), axis=1)

    @cached_property
    def isomorphs(self) -> NDArray[np.int64]:
        """(15625,): the index of the first cell of the same class; the benchmark counts 6,466 (section 2.2)."""
        first: dict[str, int] = {}
        return np.array([first.setdefault(_structure(row), i) for i, row in enumerate(self.operations.tolist())])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all that the table says."""
        return _digest(json.dumps(dict(self.provenance), sort_keys=True), self.cells, self.columns)

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {cell: index for index, cell in enumerate(self.cells)}

    def _accuracies(self, dataset: str, split: str, epochs: int, seed: int | str) -> Column:
        name = f"accuracy/{dataset}/{split}/{epochs}/{seed}"
        return self.columns[name] if name in self.columns else self._named(name)

    def _named(self, name: str) -> Column:
        if name not in self.columns:
            raise self._lacking(name)
        return self.columns[name]

    def _lacking(self, name: str) -> HarnessError:
        """The error for a column that is not there: a mistake in its name, or nothing that the file holds."""
        kind, dataset, *rest = name.split("/")
        if dataset not in SPLITS:
            return unknown("NAS-Bench-201 data set", dataset, SPLITS)
        if kind in ("accuracy", "eval_seconds") and rest[0] not in SPLITS[dataset]:
            return HarnessError(f"{dataset} has no split {quoted(rest[0])}; it has {', '.join(SPLITS[dataset])}.")
        source = self.provenance.get("source", "an unknown file")
        held = ", ".join(column for column in self.columns if column.startswith(f"{kind}/{dataset}/"))
        there = f"it has {held}" if held else "it has none of that kind for this data set"
        return HarnessError(f"the NAS-Bench-201 table made from {source} has no {name}; {there}.")

    def save(self, path: Path) -> None:
        """Writes the file that `open_table` reads, whole or not at all. Raises HarnessError."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        provenance = json.dumps(dict(self.provenance), sort_keys=True)
        arrays = {"cell": pa.array(self.cells), **{name: pa.array(values) for name, values in self.columns.items()}}
        table = pa.table(arrays).replace_schema_metadata(
            {"layout": str(LAYOUT), "provenance": provenance, "sha256": self.digest}
        )
        file = io.BytesIO()
        pq.write_table(table, file, compression="zstd", write_statistics=False)
        write_atomic(path, file.getvalue())


def open_table(path: Path | None = None) -> Table:
    """The table in this file, or in the user's cache. Raises HarnessError where there is none, or it is damaged."""
    return read_table(path or default_path(), "NAS-Bench-201", HINT)


def read_table(path: Path, title: str, hint: str) -> Table:
    """A table of the benchmark's cells. Raises HarnessError, with the hint, where there is none, or it is damaged."""
    if not path.exists():
        raise HarnessError(f"there is no {title} table at {path}; {hint}.")
    found = path.stat()
    return _read(path, found.st_mtime_ns, found.st_size, title, hint)


@lru_cache(maxsize=2)  # of accuracies, and of costs
def _read(path: Path, modified: int, size: int, title: str, hint: str) -> Table:
    """Many runs look into one table, which is read again where its file is another. Nothing in it can be written to."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = pq.ParquetFile(io.BytesIO(path.read_bytes())).read(use_threads=False)
        metadata = {key.decode(): value.decode() for key, value in (content.schema.metadata or {}).items()}
        layout, provenance, digest = metadata["layout"], metadata["provenance"], metadata["sha256"]
        if layout != str(LAYOUT):
            raise HarnessError(f"{path} has the layout {layout}, and this version reads {LAYOUT}; {hint} again.")
        cells = tuple(content["cell"].to_pylist())
        columns = {name: content[name].to_numpy() for name in content.column_names if name != "cell"}
        if _digest(provenance, cells, columns) != digest:
            raise ValueError("its checksum does not match")
        for values in columns.values():
            values.flags.writeable = False
        return Table(cells, MappingProxyType(columns), loads(provenance))
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise HarnessError(f"the {title} table {path} is damaged ({reason}); {hint} again.") from None


def _digest(provenance: str, cells: Sequence[str], columns: Mapping[str, Column]) -> str:
    """Over all that the file says."""
    digest = hashlib.sha256("\n".join((provenance, *cells, *columns)).encode())
    for values in columns.values():
        digest.update(np.asarray(values, dtype="<f8").tobytes())
    return digest.hexdigest()


def _structure(operations: Sequence[int]) -> str:
    """What tells the classes of isomorphic cells apart, as the benchmark's authors do (AutoDL-Projects
    xautodl/models/cell_searchs/genotypes.py, to_unique_str): a skip stands for what it reads, the order of a sum does
    not matter, and an operation on zero is zero. A sum keeps its zeros, so some cells of one function are told apart.
    """
    zero, states = "#", ["0"]
    edges = [(NB201_OPERATIONS[place], source) for place, source in zip(operations, SOURCES, strict=True)]
    for first, last in ((0, 1), (1, 3), (3, 6)):
        terms = []
        for operation, source in edges[first:last]:
            read = states[source]
            vanishes = operation == "none" or read == zero
            terms.append(zero if vanishes else read if operation == "skip_connect" else f"({read})@{operation}")
        states.append("+".join(sorted(terms)))
    return states[-1]
