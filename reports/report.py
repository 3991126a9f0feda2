"""A report by name: the files that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.errors import unknown
from reports import REPORTS, render
from reports.layouts import TABLES
from reports.records import Records, read
from reports.tables import build


def load(results: Path, must_exist: bool, warn: Callable[[str], None]) -> Records:
    """The records of a results folder; none where it need not exist and does not."""
    return read(results, warn) if must_exist or results.is_dir() else Records()


def files(name: str, form: str, records: Records, epoch: str = "last") -> dict[str, bytes]:
    """The files of a report as md, csv or tex, by name, from selected records. Raises HarnessError for a report
    that is not known."""
    if name not in REPORTS:
        raise unknown("report", name, REPORTS)
    names = [name] if name in TABLES else list(TABLES)
    tables = [table for each in names for table in build(each, records, epoch)]
    if form == "md":
        text = "\n".join(map(render.markdown, tables))
        if records.notes:
            text += "\n".join(["", "## Left out", "", *(f"- {note}" for note in records.notes), ""])
        return {f"{name}.md": text.encode()}
    if form == "csv":
        return {f"{name}.csv": render.csv(tables).encode()}
    return {f"{name}.tex": render.latex(tables).encode()}
