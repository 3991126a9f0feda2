"""One page with everything: tables to sort and filter, figures, and every run. It needs no network, and makes none.

What a browser does is in page.js; sorting and filtering are list.js', the curves uPlot's, both in vendor/ with their
licences. A run's settings, curves and drawing are compressed and unpacked when they are looked at.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from harness.core.types import ending
from reports.commands import evaluate_command, report_command, run_command
from reports.comparison import Sheet, labelled
from reports.records import Records
from reports.tables import RULE, VERDICTS, Cell, Table

HERE = files(__name__)


@dataclass(frozen=True)
class Picture:
    """A figure of the page: an SVG with what it shows."""

    title: str
    caption: str
    svg: bytes

    @property
    def source(self) -> str:
        return _image(self.svg)


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
    runs = _runs(records, epoch)
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
        cells=_script(cells),
        drawings=_drawings(records),
        asset=_asset,
        numeric=_numeric,
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


CURVES = {
    "Loss": ("train_loss", "valid_loss"),
    "Accuracy of the supernet": ("train_accuracy", "valid_accuracy"),
    "Operations in the normal cell": ("operations.normal.parameterless", "operations.normal.skip"),
    "Operations in the cell": ("operations.cell.parameterless", "operations.cell.skip", "operations.cell.none"),
    "Entropy of alpha (nats)": ("alpha_entropy",),
    "Effective sample size": ("rule.ess",),
}
"""Charts of a run: the columns of the epochs' frame in each."""


def _runs(records: Records, epoch: str) -> list[dict[str, Any]]:
    """A row and the packed details of every run."""
    labels = labelled(records.runs) if len(records.runs) else []
    by_run = dict(list(records.epochs.groupby("run"))) if len(records.epochs) else {}
    evaluations, earlier = (
        dict(list(frame.groupby("run"))) if len(frame) else {} for frame in (records.evaluations, records.earlier)
    )
    rows = []
    for run, label in zip(records.runs.to_dict("records"), labels, strict=True):
        of, on_the_way = (
            frames[run["run"]].to_dict("records") if run["run"] in frames else [] for frames in (evaluations, earlier)
        )
        error = next((e[f"test_error_{epoch}"] for e in of if e["kind"] == "training"), math.nan)
        finished = bool(run["finished"])
        rows.append(
            {
                **{key: run[key] for key in ("run", "space", "dataset", "seed")},
                "method": label,
                "finished": "yes" if finished else "no",
                "parameters": f"{run['parameters'] / 1e6:.2f}" if finished else "",
                "error": "" if pd.isna(error) else f"{error:.2f}",
                "days": f"{run['seconds'] / 86400:.2g}" if finished else "",
                "device": run["device"],
                "packed": _pack(_run_detail(run, by_run.get(run["run"]), of, on_the_way)),
            }
        )
    return rows


def _run_detail(
    run: Mapping[str, Any],
    epochs: pd.DataFrame | None,
    of: Sequence[Mapping[str, Any]],
    on_the_way: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    folder, finished = Path(run["folder"]), bool(run["finished"])
    facts = {
        "run folder": run["folder"],
        "device": run["device"],
        "state": f"done, {ending(str(run['stopped_by']))}" if finished else "unfinished",
    }
    if finished:
        memory = f"peak memory {run['peak_memory'] / 1e9:.2f} GB ({run['memory_kind']})"
        facts |= {
            "cell": run["notation"],
            "parameters, MACs": f"{int(run['parameters']):,}, {int(run['macs']):,}",
            "cost": f"{run['seconds']:,.0f} s of search; {memory}",
        }
    commands = [run_command(folder, run["spec"])]
    for evaluation, at_epoch in [*((e, None) for e in of), *((e, _had_after(epochs, e)) for e in on_the_way)]:
        file, cell = evaluation["file"], "" if at_epoch is None else f"the cell after epoch {at_epoch}: "
        before = f"{facts[file]}; " if file in facts else ""
        facts[file] = before + cell + _evaluated(evaluation)
        commands.append(evaluate_command(folder, evaluation, at_epoch))
    return {
        "title": run["run"],
        "facts": facts,
        "settings": {part: values for part, values in run["spec"]["settings"].items() if values},
        "drawing": run["notation"] if finished and (folder / "cell.svg").exists() else None,
        "curves": _curves(epochs),
        "commands": list(dict.fromkeys(commands)),
    }


def _had_after(epochs: pd.DataFrame | None, evaluation: Mapping[str, Any]) -> int | None:
    """The number of epochs after which the run first had the cell that was evaluated; None where no record has it."""
    had = () if epochs is None else epochs.epoch[epochs.genotype == evaluation["notation"]]
    return int(min(had)) + 1 if len(had) else None


def _evaluated(found: Mapping[str, Any]) -> str:
    if found["kind"] == "lookup":
        return (
            f"{found['dataset']} looked up: valid {found['valid_accuracy']:.2f} %, test {found['test_accuracy']:.2f} %"
        )
    return (
        f"{found['dataset']}, {found['size']}, protocol {found['protocol']} {found['version']}: test error "
        f"{found['test_error_last']:.2f} % in the last epoch, {found['test_error_best']:.2f} % in the best"
    )


def _curves(epochs: pd.DataFrame | None) -> list[dict[str, Any]]:
    if epochs is None:
        return []
    charts = []
    for title, columns in CURVES.items():
        present = [column for column in columns if column in epochs and epochs[column].notna().any()]
        if present:
            values = {column.rpartition(".")[2]: [_number(v) for v in epochs[column]] for column in present}
            charts.append({"title": title, "epochs": [int(e) for e in epochs.epoch], "series": values})
    return charts


def _number(value: Any) -> float | None:
    """Five digits are enough for a chart."""
    return None if pd.isna(value) else float(f"{value:.5g}")


def _drawings(records: Records) -> dict[str, str]:
    """The drawings that the run folders hold, packed, one for every cell."""
    found: dict[str, str] = {}
    for run in records.finished.itertuples():
        path = Path(run.folder) / "cell.svg"
        if run.notation not in found and path.exists():
            found[run.notation] = _pack(_image(_small(path.read_bytes())))
    return found


def _small(svg: bytes) -> bytes:
    """Without comments and metadata, and with the coordinates of paths to a tenth of a point: half the bytes."""
    text = svg.decode("utf-8", errors="replace")
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path[0]), text).encode()


def _image(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _pack(value: Any) -> str:
    """JSON, compressed, as text without a character that HTML cares for."""
    return base64.b64encode(gzip.compress(json.dumps(value, default=str).encode(), 6, mtime=0)).decode()


def _script(value: Any) -> Markup:
    """JSON that can stand in a script element."""
    return Markup(json.dumps(value).replace("<", "\\u003c"))


def _asset(name: str) -> Markup:
    return Markup((HERE / name).read_text("utf-8"))


def _numeric(text: str) -> str:
    """What a column is sorted by: the number that the text begins with, or the text."""
    number = re.match(r"-?[\d,]+(\.\d+)?", text)
    return number[0].replace(",", "") if number else text
