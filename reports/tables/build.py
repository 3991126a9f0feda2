"""The paper's tables with what was measured beside what was published."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from harness.core.errors import unknown
from reports import published
from reports.records import Records
from reports.statistics.scores import short
from reports.tables.cells import (
    NOT_MEASURED,
    Cell,
    Published,
    Row,
    Statistic,
    Table,
)
from reports.tables.layouts import (
    METRICS,
    SPACES,
    TABLES,
    Layout,
    search_of,
)
from reports.tables.marks import marked
from reports.tables.trials import Trials
from reports.tables.verdicts import judge, measure


def build(name: str, records: Records, epoch: str = "last") -> list[Table]:
    """The tables of one report, of selected records. `epoch` is "last" or "best": which test error of a training
    counts. Raises HarnessError for a name that is no table's."""
    if name not in TABLES:
        raise unknown("table", name, TABLES)
    source = Trials(records, epoch)
    return [_build(name, layout, source, records, epoch) for layout in TABLES[name]]


def _build(report: str, layout: Layout, source: Trials, records: Records, epoch: str) -> Table:
    rows: dict[tuple[str, ...], dict[tuple[str, ...], Cell]] = {}
    columns: dict[tuple[str, ...], None] = {}
    printed = _published(layout.csv)
    for entry in printed:
        if layout.keeps(entry["note"]):
            labels = tuple(_label(layout, entry, key) for key in layout.rows)
            column = tuple(_label(layout, entry, key) for key in layout.columns)
            columns[column] = None
            rows.setdefault(labels, {})[column] = _cell(layout, entry, source, printed)
    under = f"search: {records.protocol or 'no runs'}; test error of the {epoch} epoch"
    trainings = records.evaluations[records.evaluations.kind == "training"].drop_duplicates(["protocol", "version"])
    if trained := sorted(f"{e.protocol}, version {e.version}" for e in trainings.itertuples()):
        under += f"; evaluation: {', '.join(trained)}"
    filled = tuple(Row(labels, marked(cells, layout.marks)) for labels, cells in rows.items())
    headings = tuple({"metric": "", "statistic": ""}.get(key, key.capitalize()) for key in layout.rows)
    return Table(
        layout.csv,
        report,
        layout.title,
        f"{published.PAPER}, {published.SOURCES[layout.csv]}",
        headings,
        tuple(columns),
        filled,
        under,
        (*layout.notes, *_selected(filled, records)),
    )


def _selected(rows: Sequence[Row], records: Records) -> list[str]:
    """A note for each way in which runs of the table were chosen, naming their methods."""
    used = {run for row in rows for cell in row.cells.values() if cell.measured for run in cell.measured.runs}
    methods: dict[str, dict[str, None]] = {}
    for run in records.runs[records.runs.run.isin(used & set(records.chosen))].to_dict("records"):
        methods.setdefault(records.chosen[run["run"]], {})[run["method"]] = None
    return [
        f"{', '.join(names)}: searches that were chosen by {how} each. Their cost is that of the chosen ones alone."
        for how, names in methods.items()
    ]


@lru_cache
def _published(csv: str) -> tuple[dict[str, Any], ...]:
    return tuple(published.load(csv).to_dict("records"))


def _label(layout: Layout, entry: Mapping[str, Any], key: str) -> str:
    if key == "statistic":
        return {"mean": "average"}.get(_statistic(layout, entry).kind, "best")
    if key == "method" and layout.part:
        n, m = re.findall(r"\d+", entry["method"])
        return f"N={n}" if layout.part == "left half" else f"M={m}"
    if key == "metric" and "metric" in layout.rows:
        return METRICS[entry["metric"]].heading
    return entry[key]


def _statistic(layout: Layout, entry: Mapping[str, Any]) -> Statistic:
    """From the note, or from the label: "ZARTS-avg"."""
    note, label = entry["note"], entry["method"]
    if note.startswith("average, from its paper"):
        return Statistic("mean", None)
    own, counted = _own(label), re.search(r"of (\d)\b", note)
    n = int(counted[1]) if counted else 4 if own else None
    if "average" in note or "mean" in note or label.endswith("-avg"):
        return Statistic("mean", n)
    if layout.csv == "supp_table4":
        return Statistic("mean", 3) if entry["std"] else Statistic("single")
    if layout.csv in ("table4", "supp_table3"):
        return Statistic("single")
    return Statistic("best", n)


def _own(label: str) -> bool:
    return "ZARTS" in label or "GZAS" in label


def _cell(layout: Layout, entry: Mapping[str, Any], source: Trials, printed: Sequence[Mapping[str, Any]]) -> Cell:
    known = Published(entry["value"], entry["std"], _statistic(layout, entry), _own(entry["method"]), entry["note"])
    metric = METRICS[entry["metric"]]
    size = layout.size(entry["dataset"], entry["space"])
    method, settings = search_of(entry["method"], layout.methods)
    found = source.of(
        method,
        SPACES.get(entry["space"], entry["space"].lower()),
        short(layout.search_dataset or entry["dataset"]),
        short(entry["dataset"]),
        size,
        tuple(settings.items()),
    )
    if isinstance(found, pd.DataFrame) and layout.csv == "table4":
        found = _nearest(found, entry, printed)
    if isinstance(found, pd.DataFrame):
        found = measure(found, entry["metric"], known.statistic)
    decimals = max(known.decimals, metric.decimals)
    if isinstance(found, str):
        return Cell(known, None, NOT_MEASURED, found, decimals)
    verdict, reason = judge(known, found, entry["metric"], metric, source.protocol, size)
    return Cell(known, found, verdict, reason, decimals)


def _nearest(trials: pd.DataFrame, entry: Mapping[str, Any], printed: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The trials whose network is nearer in size to this row's than to those of the method's other rows."""
    sizes = {
        row["method"]: float(row["value"])
        for row in printed
        if row["metric"] == "params_M" and search_of(row["method"], {}) == search_of(entry["method"], {})
    }
    nearest = trials.params_M.map(lambda size: min(sizes, key=lambda label: (abs(sizes[label] - size), label)))
    return trials[nearest == entry["method"]]
