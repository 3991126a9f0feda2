"""What NAS-Bench-201's table says of cells, where one is imported: reports never open another, which might be code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import pandas as pd

from harness.core.errors import HarnessError
from harness.core.genotype import parse
from harness.tables.nasbench201 import MEAN, Column, default_path, open_table
from harness.tables.nasbench201_truth import FINAL_EPOCHS, NasBench201

SPACE = "nasbench201"
"""What the names of the spaces begin with whose cells the table holds."""


def best(space: str, dataset: str) -> Mapping[str, float] | None:
    """The best valid and the best test accuracy (percent) of all cells, not of one; None where there is no table of
    this space, or none of this data set."""
    return _best(default_path(), dataset) if _known(space, dataset) else None


def average(space: str, dataset: str) -> float | None:
    """The mean test accuracy (percent) of all cells, what one drawn at random can expect; None as for `best`."""
    return _average(default_path(), dataset) if _known(space, dataset) else None


def of_cell(notation: str, space: str, dataset: str) -> Mapping[str, float] | None:
    """Its valid and test accuracies (percent); None as for `best`, and for what is no cell of the table."""
    truth = _opened(default_path()) if _known(space, dataset) else None
    try:
        return None if truth is None else truth.accuracies(parse(notation))[dataset]
    except HarnessError:
        return None


def looked_up(epochs: pd.DataFrame) -> pd.DataFrame:
    """Records of epochs (genotype, space, dataset, ...) with the columns table.valid and table.test (percent): what the
    record says, as those of searches on a table do, else what is known of its cell, else not a number."""
    said = {part: f"table.{part}" for part in ("valid", "test")}
    columns = list(dict.fromkeys([*epochs, "genotype", *said.values()]))
    frame = epochs.reindex(columns=columns).astype(dict.fromkeys(said.values(), float))
    unsaid = frame["table.test"].isna() & frame.genotype.notna()
    cells = list(frame.loc[unsaid, ["genotype", "space", "dataset"]].itertuples(index=False, name=None))
    found = {cell: of_cell(*cell) or {} for cell in dict.fromkeys(cells)}
    for part, column in said.items():
        frame.loc[unsaid, column] = [found[cell].get(part, math.nan) for cell in cells]
    return frame


def _known(space: str, dataset: str) -> bool:
    return space.startswith(SPACE) and dataset in NasBench201.datasets


@lru_cache
def _best(path: Path, dataset: str) -> Mapping[str, float] | None:
    truth = _opened(path)
    if truth is None:
        return None
    return {"valid": float(truth.validation(dataset, FINAL_EPOCHS).max()), "test": float(_tests(truth, dataset).max())}


@lru_cache
def _average(path: Path, dataset: str) -> float | None:
    truth = _opened(path)
    return None if truth is None else float(_tests(truth, dataset).mean())


def _tests(truth: NasBench201, dataset: str) -> Column:
    return truth.table.column(dataset, "test", FINAL_EPOCHS, MEAN)


@lru_cache(maxsize=1)
def _opened(path: Path) -> NasBench201 | None:
    try:
        return NasBench201(open_table(path))
    except HarnessError:
        return None
