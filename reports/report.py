"""A report by name: the files that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from harness.errors import unknown
from reports import REPORTS, comparison, render
from reports.comparison import Sheet
from reports.layouts import TABLES
from reports.records import Records, read
from reports.tables import Table, build

NO_STATISTICS = "No run is evaluated: there is nothing to compare."


def load(results: Path, must_exist: bool, warn: Callable[[str], None]) -> Records:
    """The records of a results folder; none where it need not exist and does not."""
    return read(results, warn) if must_exist or results.is_dir() else Records()


def files(name: str, form: str, records: Records, epoch: str = "last") -> dict[str, bytes]:
    """The files of a report as md, csv or tex, by name, from selected records. `epoch` is "last" or "best": which test
    error of a training counts. Raises HarnessError for a report that is not known."""
    if name not in REPORTS:
        raise unknown("report", name, REPORTS)
    wanted = list(TABLES) if name == "all" else [name] if name in TABLES else []
    tables = [table for each in wanted for table in build(each, records, epoch)]
    sheets = comparison.sheets(records, epoch) if name in ("statistics", "all") else []
    if form == "csv":
        return _csv(name, tables, sheets)
    text = render.latex(tables, sheets) if form == "tex" else _markdown(tables, sheets, records, name)
    return {f"{name}.{form}": text.encode()}


def _markdown(tables: list[Table], sheets: list[Sheet], records: Records, name: str) -> str:
    parts = [*map(render.markdown, tables), *map(render.sheet_markdown, sheets)]
    if name in ("statistics", "all") and not sheets:
        parts.append(f"## Statistics\n\n{NO_STATISTICS}\n")
    if records.notes:
        parts.append("\n".join(["## Left out", "", *(f"- {note}" for note in records.notes), ""]))
    return "\n".join(parts)


def _csv(name: str, tables: list[Table], sheets: list[Sheet]) -> dict[str, bytes]:
    """The tables as one file, every sheet as another."""
    found = {f"{name}.csv": render.csv(tables)} if tables else {}
    for sheet in sheets:
        frame = pd.DataFrame(sheet.rows, columns=list(sheet.header))
        found[f"statistics-{sheet.name}.csv"] = frame.to_csv(index=False, lineterminator="\n")
    return {file: text.encode() for file, text in found.items()}
