"""Importing HW-NAS-Bench: from its own file, or a Parquet file, to the one file of `harness.tables.hardware`.

The official file, HW-NAS-Bench-v1_0.pickle, is nested dictionaries: search space, data set, cost, then a value for each
cell by its index; `config` has the cells as strings in the same order (hw_nas_bench_api/hw_nas_bench_api.py). The
Parquet file has a row for each cell, `arch_str`, and the columns c10_, c100_ and in16_ before the official names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.errors import HarnessError
from harness.core.files import make_folder
from harness.core.unpickling import Array, unpickle_arrays
from harness.core.version import __version__
from harness.tables.ground_truth import Advance
from harness.tables.hardware import COSTS, DATASETS, hardware_path
from harness.tables.importing import checked_cells, digest_of, opened, reported
from harness.tables.nasbench201 import CELLS, Column, Table

KNOWN = "HW-NAS-Bench-v1_0.pickle, or a Parquet file with a column arch_str"
PREFIXES = {"cifar10": "c10", "cifar100": "c100", "imagenet16-120": "in16"}
PARQUET = b"PAR1"
UNABLE = -1.0
"""What the official file has for a cell that a device could not run."""


def size(source: Path) -> int:
    """Bytes of a file. Raises HarnessError where there is none."""
    if not source.is_file():
        raise HarnessError(f"{source} is no file; give {KNOWN}.")
    return source.stat().st_size


def import_hardware(source: Path, target: Path | None = None, advance: Advance = lambda count: None) -> Path:
    """Writes the table that a file holds to the target, else to the user's cache, and returns its path. Raises
    HarnessError, writing nothing, where the source is damaged, incomplete, something else, or names code to run."""
    target = target or hardware_path()
    size(source)
    with reported(source):
        form, cells, columns = _read(source, advance)
        if not columns:
            raise ValueError("it has none of HW-NAS-Bench's costs")
        origin = {"source": source.name, "form": form, "sha256": digest_of(source, advance), "harness": __version__}
    make_folder(target.parent)
    Table(cells, columns, origin).save(target)
    return target


def _read(source: Path, advance: Advance) -> tuple[str, tuple[str, ...], Mapping[str, Column]]:
    with opened(source, advance) as file:
        if file.peek(4)[:4] == PARQUET:
            return "Parquet", *_from_parquet(file.read())
        content = unpickle_arrays(file)
    by_dataset = _part(content, "nasbench201", "it")
    cells: tuple[str, ...] = ()
    columns: dict[str, Column] = {}
    for ours, theirs in DATASETS.items():
        costs = _part(by_dataset, theirs, "nasbench201")
        found = checked_cells([_part(config, "arch_str", "a config") for config in _part(costs, "config", theirs)])
        if cells and found != cells:
            raise ValueError(f"its cells on {theirs} are in another order than those on cifar10")
        cells = found
        columns |= {f"{name}/{ours}": _column(f"{name} on {theirs}", costs[name]) for name in COSTS if name in costs}
    return "HW-NAS-Bench's file", cells, columns


def _from_parquet(content: bytes) -> tuple[tuple[str, ...], Mapping[str, Column]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    if "arch_str" not in table.column_names:
        raise ValueError("it has no column arch_str")
    names = {f"{name}/{ours}": f"{PREFIXES[ours]}_{name}" for ours in DATASETS for name in COSTS}
    columns = {
        ours: _column(theirs, table[theirs].to_numpy())
        for ours, theirs in names.items()
        if theirs in table.column_names
    }
    return checked_cells(table["arch_str"].to_pylist()), columns


def _part(content: Any, key: str, where: str) -> Any:
    if not isinstance(content, dict) or key not in content:
        raise ValueError(f"{where} has no {key}")
    return content[key]


def _number(value: Any) -> Any:
    """One that the official API would take for a number: an array of one is."""
    return value.values.item() if isinstance(value, Array) else value


def _column(name: str, values: Sequence[Any] | Array | Any) -> Column:
    numbers = values.values if isinstance(values, Array) else [_number(value) for value in values]
    column = np.array(numbers, dtype=np.float64)
    if column.shape != (CELLS,):
        raise ValueError(f"{name} is not one number for each of {CELLS:,} cells")
    column[column == UNABLE] = np.nan
    wrong = ~np.isnan(column) & ~((column > 0) & np.isfinite(column))
    if wrong.any():
        raise ValueError(f"{name} is {column[int(wrong.argmax())]:g} for cell {int(wrong.argmax())}")
    return column
