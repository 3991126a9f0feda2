"""The page itself: tables, figures and runs put into its template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from reports import leaderboard
from reports.commands import report_command
from reports.contents import Contents, folds, measured
from reports.page.packing import image, numeric, script
from reports.page.runs import drawings, rows_of_runs
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


def page(contents: Contents) -> str:
    """The page as one string of HTML. A table of which nothing was measured is folded, unless there is nothing else."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((HERE / "page.html").read_text("utf-8"))
    records, epoch = contents.records, contents.epoch
    runs = rows_of_runs(records, epoch)
    numbers = {run["run"]: number for number, run in enumerate(runs)}
    cells: list[dict[str, Any]] = []
    shown, unmeasured = measured(contents.tables)
    unmeasured += contents.folded
    if not shown and len({table.report for table in unmeasured}) == 1:
        shown, unmeasured = unmeasured, []
    folded = [
        (line, [_table(table, cells, numbers, "") for table in tables])
        for line, tables in zip(folds(unmeasured), _by_report(unmeasured), strict=True)
    ]
    results = Path(records.runs.folder.iloc[0]).parent.parent if len(records.runs) else Path("results")
    commands = {name: report_command(name, results, _one(records.protocols), epoch) for name in _reports(shown)}
    views = [_table(table, cells, numbers, commands[table.report]) for table in shown]
    counts = dict.fromkeys(VERDICTS, 0)
    for table in (*shown, *unmeasured):
        for *_, cell in table.cells():
            counts[cell.verdict] += 1
    return template.render(
        records=records,
        boards=leaderboard.sheets(contents.boards),
        tables=views,
        folded=folded,
        sheets=contents.sheets,
        pictures=[Picture(plot.title, plot.caption, plot.bytes("svg")) for plot in contents.plots],
        runs=runs,
        unfinished=sum(run["finished"] == "no" for run in runs),
        counts=counts,
        rule=RULE,
        cells=script(cells),
        drawings=drawings(records),
        asset=asset,
        numeric=numeric,
    )


def _reports(tables: Sequence[Table]) -> list[str]:
    return list(dict.fromkeys(table.report for table in tables))


def _by_report(tables: Sequence[Table]) -> list[list[Table]]:
    return [[table for table in tables if table.report == name] for name in _reports(tables)]


def _one(protocols: Sequence[str]) -> str | None:
    """The protocol that a command has to name: that of the runs, where they are of one."""
    return protocols[0] if len(protocols) == 1 else None


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
