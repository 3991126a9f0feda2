"""The page itself: tables, figures and runs put into its template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from reports.commands import report_command
from reports.page.packing import image, numeric, script
from reports.page.runs import drawings, rows_of_runs
from reports.records import Records
from reports.statistics.sheets import Sheet
from reports.tables.cells import RULE, VERDICTS, Cell, Table

HERE = files("reports.page")


@dataclass(frozen=True)
class Picture:
    """A figure of the page: an SVG with what it shows."""

    title: str
    caption: str
    svg: bytes

    @property
    def source(self) -> str:
        return image(self.svg)


def page(
    tables: Sequence[Table],
    sheets: Sequence[Sheet],
    pictures: Sequence[Picture],
    records: Records,
    epoch: str,
) -> str:
    """The page as one string of HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((HERE / "page.html").read_text("utf-8"))
    runs = rows_of_runs(records, epoch)
    numbers = {run["run"]: number for number, run in enumerate(runs)}
    cells: list[dict[str, Any]] = []
    results = Path(records.runs.folder.iloc[0]).parent.parent if len(records.runs) else Path("results")
    name = records.runs.protocol.iloc[0] if len(records.runs) else None
    views = [_table(table, cells, numbers, report_command(table.report, results, name, epoch)) for table in tables]
    counts = dict.fromkeys(VERDICTS, 0)
    for table in tables:
        for *_, cell in table.cells():
            counts[cell.verdict] += 1
    return template.render(
        records=records,
        tables=views,
        sheets=sheets,
        pictures=pictures,
        runs=runs,
        unfinished=sum(run["finished"] == "no" for run in runs),
        counts=counts,
        rule=RULE,
        cells=script(cells),
        drawings=drawings(records),
        asset=asset,
        numeric=numeric,
    )


def _table(table: Table, cells: list[dict[str, Any]], numbers: Mapping[str, int], command: str) -> dict[str, Any]:
    """What the template shows of a table; details of measured cells are added to `cells`."""
    rows = []
    for row in table.rows:
        shown: list[dict[str, Any] | None] = []
        for column in table.columns:
            cell = row.cells.get(column)
            if cell is None:
                shown.append(None)
                continue
            detail = None
            if cell.measured is not None:
                detail = len(cells)
                title = " · ".join([table.title, *row.labels, table.heading(column)])
                cells.append(_detail(title, table, cell, numbers, command))
            shown.append({"cell": cell, "detail": detail, "verdict": cell.verdict.replace(" ", "-")})
        words = [*row.labels, *(f"{c['cell'].verdict} {c['cell'].published}" for c in shown if c)]
        rows.append({"labels": row.labels, "cells": shown, "words": " ".join(words)})
    headings = [*(heading or "" for heading in table.headings), *map(table.heading, table.columns)]
    return {"table": table, "headings": headings, "labels": len(table.headings), "rows": rows}


def _detail(title: str, table: Table, cell: Cell, numbers: Mapping[str, int], command: str) -> dict[str, Any]:
    found = cell.measured
    assert found is not None
    return {
        "title": title,
        "published": f"{cell.published} ({cell.published.statistic})",
        "note": cell.published.note,
        "source": table.source,
        "measured": f"{cell.measured_text()} ({cell.measured_with()})",
        "under": table.measured_under,
        "on": found.device + (f", network of {found.size}" if found.size else ""),
        "verdict": f"{cell.verdict}{': ' if cell.reason else ''}{cell.reason}",
        "runs": [[run, f"{value:.6g}", numbers.get(run)] for run, value in zip(found.runs, found.values, strict=True)],
        "command": command,
    }


def asset(name: str) -> Markup:
    return Markup((HERE / name).read_text("utf-8"))
