"""A report by name: the files that it is made of. What draws is imported by the reports that draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from harness.core.errors import HarnessError, unknown
from reports import REPORTS, analyses, comparison, render
from reports.comparison import Sheet
from reports.layouts import TABLES
from reports.records import Records, read
from reports.tables import Table, build

if TYPE_CHECKING:
    from reports.figures import Plot

NO_STATISTICS = "No run is evaluated: there is nothing to compare."


def load(results: Path, must_exist: bool, warn: Callable[[str], None]) -> Records:
    """The records of a results folder; none where it need not exist and does not."""
    return read(results, warn) if must_exist or results.is_dir() else Records()


def files(name: str, form: str, records: Records, epoch: str = "last") -> dict[str, bytes]:
    """The files of a report as md, csv, tex or html, by name, from selected records. `epoch` is "last" or "best": which
    test error of a training counts. Figures are PNG and PDF, and stand in the page where the form is html.

    Raises HarnessError for a report that is not known, and for figures where there is nothing to draw.
    """
    if name not in REPORTS:
        raise unknown("report", name, REPORTS)
    wanted = list(TABLES) if name == "all" else [name] if name in TABLES else []
    tables = [table for each in wanted for table in build(each, records, epoch)]
    sheets = []
    if name in ("statistics", "all"):
        sheets = [*comparison.sheets(records, epoch), *analyses.sheets(records)]
    plots = _draw(name, records, epoch)
    if form == "html":
        return {"index.html" if name == "all" else f"{name}.html": _page(tables, sheets, plots, records, epoch)}
    drawn = {f"figures/{plot.name}.{suffix}": plot.bytes(suffix) for plot in plots for suffix in ("png", "pdf")}
    if name == "figures":
        return drawn
    if form == "csv":
        return _csv(name, tables, sheets) | drawn
    text = render.latex(tables, sheets) if form == "tex" else _markdown(tables, sheets, records, name)
    return {f"{name}.{form}": text.encode()} | drawn


def _draw(name: str, records: Records, epoch: str) -> list[Plot]:
    if name not in ("figures", "all"):
        return []
    from reports import figures

    plots = figures.draw(records, epoch)
    if name == "figures" and not plots:
        raise HarnessError("there are no figures: no run has finished an epoch.")
    return plots


def _page(tables: list[Table], sheets: list[Sheet], plots: list[Plot], records: Records, epoch: str) -> bytes:
    from reports.page import Picture, page

    pictures = [Picture(plot.title, plot.caption, plot.bytes("svg")) for plot in plots]
    return page(tables, sheets, pictures, records, epoch).encode()


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
