"""What a report holds, whatever it is of and in whatever form it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.figures.plot import Plot
    from reports.records import Records
    from reports.statistics.boards import Board
    from reports.statistics.sheets import Sheet
    from reports.tables.cells import Table


@dataclass(frozen=True)
class Contents:
    """The parts of a report, in the order in which they are shown."""

    records: Records
    epoch: str
    boards: Sequence[Board] = ()
    plots: Sequence[Plot] = ()
    sheets: Sequence[Sheet] = ()
    tables: Sequence[Table] = ()
    folded: Sequence[Table] = ()
    """Tables of which nothing was measured: a line each, which a page opens to the published values."""
    remarks: Sequence[str] = ()
    """What is said of the rest, a sentence each."""


def folds(tables: Sequence[Table]) -> list[str]:
    """A line for each report whose tables nothing was measured of."""
    return [
        f"{title(name)}: nothing measured yet; `harness suite run {name}`"
        for name in dict.fromkeys(table.report for table in tables)
    ]


def title(report: str) -> str:
    """ "supp-table1" is "Supplement, Table 1"."""
    before, _, number = report.rpartition("table")
    return f"{'Supplement, ' if before else ''}Table {number}"


def measured(tables: Sequence[Table]) -> tuple[list[Table], list[Table]]:
    """The tables of the reports of which something was measured, and the others."""
    reports = {table.report for table in tables if any(cell.measured for *_, cell in table.cells())}
    return (
        [table for table in tables if table.report in reports],
        [table for table in tables if table.report not in reports],
    )
