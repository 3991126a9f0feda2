"""What the cells that searches found are made of: how many operations have no parameters, which a collapse leaves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from harness.core.errors import HarnessError
from harness.core.genotype import PARAMETERLESS, Cell, parse
from reports.records import Records
from reports.statistics import inference
from reports.statistics.scores import labelled
from reports.statistics.sheets import Sheet

SKIP = "skip_connect"
IDLE = ("none", "noise")
"""Operations that hand nothing of their input on."""
DOMINATED = 4
"""Of the 8 operations of a normal cell; with more parameterless ones than that it is dominated by them."""
HEADER = (
    *("benchmark", "cell", "method", "n", "skips", "parameterless", "its 95 % interval", "none or noise", "dominated"),
)
NOTE = (
    "Operations of the cells that were found, means over n searches on a supernet. Skips: skip connections. "
    f"Parameterless: these and pooling. {inference.OF_MEAN} None or noise: operations that hand nothing on, where a "
    f"space has them; not among the parameterless. Dominated: normal cells with more than {DOMINATED} parameterless "
    "operations of 8."
)


def sheet(records: Records) -> list[Sheet]:
    """One; none where no search was on a supernet."""
    counted = pd.DataFrame(_counted(records))
    if counted.empty:
        return []
    groups = counted.groupby(["benchmark", "cell", "method"])
    rows = tuple((*map(str, key), *_row(group, str(key[1]))) for key, group in groups)
    return [Sheet("operations", "Operations of the cells", NOTE, HEADER, rows, left=3)]


def idle(notation: str, kind: str) -> int:
    """Operations of a cell that hand nothing on; of what is no genotype none."""
    return sum(cell.count(*IDLE) for name, cell in _cells(notation) if name == kind)


def _counted(records: Records) -> Iterator[dict[str, object]]:
    """For each cell of each search: benchmark, cell (its kind), method, skips, parameterless, idle. Searches on a table
    and of whole genotypes have no validation accuracy of a supernet; there are thousands of them."""
    finished = records.finished
    for run, label in zip(finished.itertuples(), labelled(finished), strict=True):
        if pd.isna(run.valid_accuracy):
            continue
        for kind, cell in _cells(run.notation):
            yield {
                "benchmark": f"{run.space} {run.dataset}",
                "cell": kind,
                "method": label,
                "skips": cell.count(SKIP),
                "parameterless": cell.count(*PARAMETERLESS),
                "idle": cell.count(*IDLE),
            }


def _cells(notation: str) -> tuple[tuple[str, Cell], ...]:
    """By kind; none of what is no genotype."""
    try:
        return parse(notation).cells
    except HarnessError:
        return ()


def _row(group: pd.DataFrame, kind: str) -> tuple[str, ...]:
    parameterless = group.parameterless.to_list()
    interval = inference.interval_of_mean(parameterless)
    dominated = sum(count > DOMINATED for count in parameterless)
    return (
        str(len(group)),
        f"{group.skips.mean():.2f}",
        f"{np.mean(parameterless):.2f}",
        "one seed" if interval is None else f"{interval.low:.2f} to {interval.high:.2f}",
        f"{group.idle.mean():.2f}",
        f"{dominated} of {len(group)}" if kind == "normal" else "–",
    )
