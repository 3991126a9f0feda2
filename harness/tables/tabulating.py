"""Importing a table of any finite space: a CSV or Parquet file with one row for every architecture.

    choice/first,choice/second,valid/cifar10/12,valid/cifar10/200,test/cifar10/200,seconds/cifar10/12,cost/mparams
    conv3,skip,81.2,90.1,89.9,120.5,1.2
    ...

`choice/NAME` holds, for each choice of the space, the option that the architecture has: letters, digits and _. Options
are in the order in which the file first names them, and every combination has its row. Choices that belong together, as
those on the edges into a node, are called `choice/GROUP/NAME` and stand side by side: some methods without an alpha
draw group by group. The other columns are those of `harness.tables.tabulated`: each data set has `valid` after the same
lengths of training, and `test` after the longest. All is checked before anything is written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.errors import HarnessError, quoted
from harness.core.genotype import INPUTS, MOST_STATES
from harness.core.imported import imported, place_of
from harness.core.untrusted import reason
from harness.core.version import __version__
from harness.tables import BUILT_IN, TABLES
from harness.tables.tabulated import Tabulated, save

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS = {"valid": r"valid/[\w.-]+/[1-9]\d*", "test": r"test/[\w.-]+/[1-9]\d*", "seconds": r"seconds/[\w.-]+/[1-9]\d*"}
COLUMNS = {**NUMBERS, "cost": r"cost/[\w.-]+", "choice": r"choice/[\w.-]+(/[\w.-]+)?"}
KNOWN = "choice/NAME, valid/DATASET/EPOCHS, test/DATASET/EPOCHS, seconds/DATASET/EPOCHS or cost/NAME"
RESERVED = (*INPUTS, *BUILT_IN)
"""Kinds of cells, which an architecture of the table would be taken for, and the tables of published benchmarks."""
NAME = r"[a-z0-9][a-z0-9_-]*"
PARQUET = b"PAR1"


def import_file(source: Path, name: str) -> Tabulated:
    """Makes the table `name` of a file, and opens it. One that was imported under that name is replaced.

    Raises HarnessError, writing nothing, for a file that is not as described above, or a name that is taken."""
    if not re.fullmatch(NAME, name):
        raise HarnessError(f"{quoted(name)} is no name of a table; give --name with small letters, digits, - and _.")
    if name in RESERVED or (name in TABLES and name not in imported()):
        raise HarnessError(f"the name {quoted(name)} means something else here; give another one with --name.")
    try:
        form, content = _content(source)
        choices, places = _choices(content)
        columns = _numbers(content, places)
    except HarnessError:
        raise
    except Exception as error:  # what reads a file of any content may fail in any way
        raise HarnessError(f"{source} cannot be imported: {reason(error)}. Nothing was written.") from None
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    origin = {"source": source.name, "form": form, "sha256": digest, "harness": __version__}
    save(place_of(name), name, choices, columns, origin)
    return Tabulated(place_of(name))


def _content(source: Path) -> tuple[str, pa.Table]:
    """The columns of a file, choices as dictionaries of text and the rest as numbers."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    if not source.is_file():
        raise HarnessError(f"{source} does not exist; give a CSV or Parquet file.")
    with open(source, "rb") as file:
        is_parquet = file.read(4) == PARQUET
    options = pa.dictionary(pa.int32(), pa.string())
    if is_parquet:
        _check_names(parquet.ParquetFile(source).schema_arrow.names)
        content = parquet.read_table(source)
    else:
        with csv.open_csv(source, read_options=csv.ReadOptions(use_threads=False)) as reader:
            names = reader.schema.names
        _check_names(names)
        types = {name: options if name.startswith("choice/") else pa.float64() for name in names}
        convert = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
        return "CSV", csv.read_csv(source, convert_options=convert)
    for place, field in enumerate(content.schema):
        is_choice = field.name.startswith("choice/")
        if not is_choice and not (pa.types.is_integer(field.type) or pa.types.is_floating(field.type)):
            raise ValueError(f"column {field.name} is of type {field.type} and must be numbers")
        values = content[field.name]
        values = values.cast(pa.string()).dictionary_encode() if is_choice else values.cast(pa.float64())
        content = content.set_column(place, field.name, values)
    return "Parquet", content


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not any(re.fullmatch(pattern, name) for pattern in COLUMNS.values()):
            raise ValueError(f"its column {quoted(name)} is none of {KNOWN}")
        if names.count(name) > 1:
            raise ValueError(f"it has the column {name} twice")
    groups = [group for group, _ in groupby(name.rpartition("/")[0] for name in names if name.startswith("choice/"))]
    for group in groups:
        if group != "choice" and groups.count(group) > 1:
            raise ValueError(f"the columns {group}/NAME do not stand side by side")
    of = {kind: [name for name in names if name.startswith(f"{kind}/")] for kind in COLUMNS}
    if not of["choice"]:
        raise ValueError("it has no column choice/NAME")
    if len(of["choice"]) >= MOST_STATES:
        raise ValueError(f"it has {len(of['choice'])} choices, and {MOST_STATES - 1} are the most")
    if not of["valid"]:
        raise ValueError("it has no column valid/DATASET/EPOCHS")
    datasets, lengths = ({name.split("/")[part] for name in of["valid"]} for part in (1, 2))
    longest = max(lengths, key=int)
    needed = [f"valid/{dataset}/{epochs}" for dataset in datasets for epochs in lengths]
    for name in sorted((*needed, *(f"test/{dataset}/{longest}" for dataset in datasets))):
        if name not in names:
            raise ValueError(f"it has no column {name}, and every data set needs the same")
    for name in (*of["test"], *of["seconds"]):
        if f"valid/{name.partition('/')[2]}" not in names:
            raise ValueError(f"it has a column {name} without the one that is called valid in its place")


def _choices(content: pa.Table) -> tuple[dict[str, list[str]], np.ndarray[Any, Any]]:
    """The options of each choice, and for each row its place in the grid of all combinations."""
    choices: dict[str, list[str]] = {}
    codes = []
    if not content.num_rows:
        raise ValueError("it has no rows")
    for name in content.column_names:
        if not name.startswith("choice/"):
            continue
        column = content[name].unify_dictionaries().combine_chunks()
        if column.null_count:
            raise ValueError(f"row {column.is_null().index(True).as_py() + 1} has no {name}")
        options = column.dictionary.to_pylist()
        for option in options:
            if not re.fullmatch(r"\w+", option):
                raise ValueError(f"{quoted(option)} of {name} is no option; they are of letters, digits and _")
        choices[name.removeprefix("choice/")] = options  # in order of appearance
        codes.append(column.indices.to_numpy())
    sizes = [len(options) for options in choices.values()]
    count = prod(sizes)
    if count > content.num_rows:
        raise ValueError(f"it has {content.num_rows:,} rows, and its choices make {count:,} architectures")
    places = np.ravel_multi_index(codes, sizes)
    order = np.argsort(places, kind="stable")
    twice = np.flatnonzero(np.diff(places[order]) == 0)
    if len(twice):
        one, other = order[twice[0]] + 1, order[twice[0] + 1] + 1
        raise ValueError(f"rows {one} and {other} are the same architecture")
    return choices, places


def _numbers(content: pa.Table, places: np.ndarray[Any, Any]) -> Mapping[str, np.ndarray[Any, Any]]:
    """The other columns, in the order of the grid."""
    columns = {}
    for name in content.column_names:
        if name.startswith("choice/"):
            continue
        values = content[name].to_numpy()
        most = 100.0 if name.startswith(("valid/", "test/")) else np.inf
        wrong = ~(np.isfinite(values) & (values >= 0) & (values <= most))
        if wrong.any():
            row = int(wrong.argmax())
            what = "is missing or not a number" if np.isnan(values[row]) else f"is {values[row]:g}"
            allowed = "a percentage, from 0 to 100" if most == 100 else "finite and not negative"
            raise ValueError(f"{name} in row {row + 1} {what}; it must be {allowed}")
        grid = np.empty(len(values))
        grid[places] = values
        columns[name] = grid
    return columns
