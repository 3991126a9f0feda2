"""The paper's tables with what was measured beside what was published, and a verdict on every pair."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pandas as pd

from harness.core.errors import unknown
from reports import published, statistics
from reports.comparison import short
from reports.layouts import METRICS, PAPER_GPU, PAPER_PROTOCOL, PAPER_VALUES, SPACES, TABLES, Layout, Metric, search_of
from reports.records import CPU, OF_EVALUATION, Records, differing

WITHIN, BETTER, WORSE = "within", "better", "worse"
NOT_COMPARABLE, NOT_MEASURED = "not comparable", "not measured"
VERDICTS = (WITHIN, BETTER, WORSE, NOT_COMPARABLE, NOT_MEASURED)

RULE = (
    "Verdict: 'within' where measured and published lie no further apart than two results of one method would in 95 of "
    "100 cases, plus half a unit of the last printed digit; else 'better' or 'worse' as the arrow says. Means: Welch's "
    "interval (the published spread, or where there is none the measured one). A best of n: two bests of n normal "
    "values with the measured spread. Single values: the prediction interval. 'not comparable': another protocol, "
    "network size, GPU, statistic or fewer runs than the published value is of."
)
SELECTED = "its paper selects its best otherwise"
ROUNDING = 1e-9
USUAL = 4
"""Of how many runs a best is taken where a paper does not say."""


@dataclass(frozen=True)
class Statistic:
    """What a published value is: "best", "mean" or "single", of how many runs (None where its paper does not say)."""

    kind: str
    n: int | None = 1

    def __str__(self) -> str:
        return "single run" if self.kind == "single" else f"{self.kind} of {self.n or '?'}"


@dataclass(frozen=True)
class Published:
    """A printed number, as printed."""

    text: str
    std: str
    statistic: Statistic
    own: bool
    """Whether it is the paper's own result, not one that it copies."""
    note: str
    mark: int = 0
    """1 the best of its row, 2 the second best, where the paper marks them."""

    @property
    def decimals(self) -> int:
        return len(self.text.partition(".")[2])

    def __str__(self) -> str:
        return f"{self.text}±{self.std}" if self.std else self.text


@dataclass(frozen=True)
class Measured:
    """What the runs of one cell give."""

    value: float
    spread: float | None
    """Population standard deviation over the n runs; None for one run."""
    statistic: Statistic
    values: tuple[float, ...]
    runs: tuple[str, ...]
    size: str | None
    device: str
    unit: str = ""
    mark: int = 0

    @property
    def n(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Cell:
    """One number of the table."""

    published: Published
    measured: Measured | None
    verdict: str
    reason: str = ""
    """Why it is not comparable, or not measured."""
    decimals: int = 2

    def number(self, value: float, digits: int = 2) -> str:
        """With the column's decimals, or with so many digits where they would leave fewer."""
        plain = f"{value:.{self.decimals}f}"
        return plain if value == 0 or abs(value) >= 10 ** (digits - 1 - self.decimals) else f"{value:.{digits}g}"

    def measured_text(self) -> str:
        """ "2.71±0.05 (mean of 4)"; the spread is in the text for means only, as in the paper."""
        if self.measured is None:
            return "–"
        spread = self.measured.spread
        shown = f"±{self.number(spread, 1)}" if spread is not None and self.measured.statistic.kind == "mean" else ""
        return f"{self.number(self.measured.value)}{shown}"

    def measured_with(self) -> str:
        """ "n=4, std 0.05, CPU-days": what the number needs to be understood."""
        if self.measured is None:
            return ""
        spread = self.measured.spread
        std = f"std {self.number(spread, 1)}" if spread is not None and self.measured.statistic.kind != "mean" else ""
        return ", ".join(filter(None, (str(self.measured.statistic), std, self.measured.unit)))


@dataclass(frozen=True)
class Row:
    labels: tuple[str, ...]
    cells: Mapping[tuple[str, ...], Cell]


@dataclass(frozen=True)
class Table:
    """A table of the paper, filled."""

    name: str
    report: str
    title: str
    source: str
    headings: tuple[str, ...]
    """Of the columns that label the rows."""
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[Row, ...]
    measured_under: str
    notes: tuple[str, ...]

    def heading(self, column: tuple[str, ...]) -> str:
        return " ".join(METRICS[part].heading if part in METRICS else part for part in column)

    def cells(self) -> list[tuple[Row, tuple[str, ...], Cell]]:
        return [(row, column, row.cells[column]) for row in self.rows for column in self.columns if column in row.cells]

    def reasons(self) -> list[str]:
        """Why cells that runs were found for have no verdict, each with the number of cells."""
        counts: dict[str, int] = {}
        for _, _, cell in self.cells():
            if cell.reason:
                counts[f"{cell.verdict}: {cell.reason}"] = counts.get(f"{cell.verdict}: {cell.reason}", 0) + 1
        return [f"{reason} ({count} {'cell' if count == 1 else 'cells'})" for reason, count in counts.items()]


def build(name: str, records: Records, epoch: str = "last") -> list[Table]:
    """The tables of one report, of selected records. `epoch` is "last" or "best": which test error of a training
    counts. Raises HarnessError for a name that is no table's."""
    if name not in TABLES:
        raise unknown("table", name, TABLES)
    source = _Trials(records, epoch)
    return [_build(name, layout, source, records, epoch) for layout in TABLES[name]]


def _build(report: str, layout: Layout, source: _Trials, records: Records, epoch: str) -> Table:
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
    if trained := sorted(
        {f"{e.protocol}, version {e.version}" for e in records.evaluations.itertuples() if e.kind == "training"}
    ):
        under += f"; evaluation: {', '.join(trained)}"
    filled = tuple(Row(labels, _marked(cells, layout.marks)) for labels, cells in rows.items())
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
        layout.notes,
    )


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


def _cell(layout: Layout, entry: Mapping[str, Any], source: _Trials, printed: Sequence[Mapping[str, Any]]) -> Cell:
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
        found = _measure(found, entry["metric"], known.statistic)
    decimals = max(known.decimals, metric.decimals)
    if isinstance(found, str):
        return Cell(known, None, NOT_MEASURED, found, decimals)
    verdict, reason = _judge(known, found, entry["metric"], metric, source.protocol, size)
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


class _Trials:
    """The searches with their evaluations that a cell is measured by."""

    def __init__(self, records: Records, epoch: str) -> None:
        self.epoch = epoch
        self.protocol = None if records.runs.empty else str(records.runs.protocol.iloc[0])
        self.finished = records.finished
        self.groups = dict(list(self.finished.groupby(["method", "space", "dataset"])))
        evaluations = records.evaluations.assign(target=records.evaluations.dataset.map(short))
        self.evaluations, self.nothing = dict(list(evaluations.groupby("run"))), evaluations.head(0)
        self._known: dict[tuple[Any, ...], pd.DataFrame | str] = {}

    def of(self, *key: Any) -> pd.DataFrame | str:
        """One row per run, in order of seeds, or why there is none. See `_find`."""
        if key not in self._known:
            self._known[key] = self._find(*key)
        return self._known[key]

    def _find(
        self,
        method: str,
        space: str,
        searched: str,
        target: str,
        size: str | None,
        settings: tuple[tuple[str, str], ...],
    ) -> pd.DataFrame | str:
        runs = self.groups.get((method, space, searched))
        if runs is None:
            return ""
        runs = runs[runs.settings.map(lambda of: all(str(of.get(name)) == value for name, value in settings))]
        if runs.configuration.nunique() > 1:
            usual = {name: value for name, value in PAPER_VALUES.items() if name not in dict(settings)}
            as_paper = runs.apply(_has, axis=1, values=usual)
            runs = runs[as_paper] if as_paper.any() else runs
        if runs.configuration.nunique() > 1:
            return (
                f"{runs.configuration.nunique()} configurations of {method} that differ in "
                f"{', '.join(_differing(runs))}; choose one with --where"
            )
        if runs.empty:
            return ""
        trained = [self._trainings(run, target, size) for run in runs.run]
        if names := differing(of for found in trained for of in found.settings):
            return (
                f"its cells were trained with settings that differ in {', '.join(names)}; choose one with "
                f"--where {OF_EVALUATION}{names[0]}=VALUE"
            )
        rows = [self._trial(run, target, size) for run in runs.sort_values("seed").to_dict("records")]
        return pd.DataFrame(rows)

    def _trainings(self, run: str, target: str, size: str | None) -> pd.DataFrame:
        """Of a run's cell on this data, those at this size if there are such, else all if they are of one size."""
        found = self.evaluations.get(run, self.nothing)
        trained = found[(found.target == target) & (found.kind == "training")]
        at_size = trained[trained["size"] == size] if size in set(trained["size"]) else trained
        return at_size if at_size["size"].nunique() == 1 else at_size.head(0)

    def _trial(self, run: Mapping[str, Any], target: str, size: str | None) -> dict[str, Any]:
        trial = {
            "run": run["run"],
            "params_M": run["parameters"] / 1e6,
            "flops_M": run["macs"] / 1e6,
            "search_cost_gpu_days": run["seconds"] / 86400,
            "search_memory_GB": run["peak_memory"] / 1e9,
            "device": run["device"],
            "size": None,
            **dict.fromkeys(("test_error_pct", "top1_error_pct", "valid_accuracy_pct", "test_accuracy_pct"), math.nan),
        }
        found = self.evaluations.get(run["run"])
        if found is None:
            return trial
        found = found[found.target == target]
        for lookup in found[found.kind == "lookup"].to_dict("records")[:1]:
            trial |= {f"{split}_accuracy_pct": lookup[f"{split}_accuracy"] for split in ("valid", "test")}
        if len(trained := self._trainings(run["run"], target, size)):
            first = trained.sort_values("seed").iloc[0]  # of several trainings of a cell, the smallest seed's
            error = first[f"test_error_{self.epoch}"]
            trial |= {"size": first["size"], "test_error_pct": error, "top1_error_pct": error}
            trial |= {"params_M": first.parameters / 1e6, "flops_M": first.macs / 1e6}
        return trial


def _has(run: pd.Series, values: Mapping[str, Any]) -> bool:
    """Whether the settings that this run has, of those named, have these values."""
    return all({**run.settings, "epochs": run.epochs}.get(name, value) == value for name, value in values.items())


def _differing(runs: pd.DataFrame) -> list[str]:
    """The settings in which configurations differ."""
    return differing(runs.drop_duplicates("configuration").settings) or ["data or budget"]


EVALUATED = ("test_error_pct", "top1_error_pct", "valid_accuracy_pct", "test_accuracy_pct")


def _measure(trials: pd.DataFrame, metric: str, statistic: Statistic) -> Measured | str:
    """The statistic of the trials, or why there is none.

    A best of n is of the runs with the n smallest seeds, however many there are. All numbers of a row are of the same
    runs: those that were evaluated, if any were.
    """
    scored = trials[trials[list(EVALUATED)].notna().any(axis=1)]
    if scored.empty and (metric in EVALUATED or statistic.kind == "best"):
        return "its runs are not evaluated on this" if len(trials) else ""
    used = trials if scored.empty else scored
    if statistic.kind == "best":
        used = used.head(statistic.n or USUAL)
    used = used[used[metric].notna()]
    if used.empty:
        return "its runs are not evaluated on this"
    devices = list(dict.fromkeys(used.device))
    of_search = metric in ("search_cost_gpu_days", "search_memory_GB")
    if of_search and len(devices) > 1:
        return f"its runs were on {' and '.join(devices)}, and are not averaged"
    values = tuple(float(value) for value in used[metric])
    value = sum(values) / len(values)
    if statistic.kind == "best":
        errors = used.test_error_pct.fillna(used.top1_error_pct)
        value = float(used.loc[errors.idxmin(), metric])
    kind = "mean" if statistic.kind == "single" and len(values) > 1 else statistic.kind
    sizes = list(dict.fromkeys(used["size"]))
    return Measured(
        value,
        statistics.population_std(values),
        Statistic(kind, len(values)),
        values,
        tuple(used.run),
        sizes[0] if len(sizes) == 1 else ", ".join(map(str, sizes)),
        ", ".join(devices),
        _unit(metric, devices[0]),
    )


def _unit(metric: str, device: str) -> str:
    if metric == "search_cost_gpu_days":
        return "CPU-days" if device == CPU else f"GPU-days, {device}"
    if metric == "search_memory_GB":
        return "RSS of the process" if device == CPU else f"CUDA allocator, {device}"
    return ""


def _judge(
    known: Published, found: Measured, name: str, metric: Metric, protocol: str | None, size: str | None
) -> tuple[str, str]:
    """The verdict and, without one, the reasons."""
    of_search = name in ("search_cost_gpu_days", "search_memory_GB")
    needed = known.statistic
    reasons = []
    if protocol != PAPER_PROTOCOL:
        reasons.append(f"protocol {protocol} is not the paper's")
    if size and found.size not in (size, None) and not of_search:
        reasons.append(f"networks of {found.size}, published of {size}")
    if needed.kind == "best" and needed.n and found.n < needed.n:
        reasons.append(f"best of {found.n}, published of {needed.n}")
    if needed.n is None:
        reasons.append("its paper does not say of how many runs")
    if needed.kind == "best" and not known.own:
        reasons.append(SELECTED)
    if needed.kind != "best" and found.n < 2:
        reasons.append("one run has no spread")
    if of_search and not re.search(PAPER_GPU, found.device, re.IGNORECASE):
        reasons.append(f"measured on {found.device}, published of an NVIDIA 2080Ti")
    if name == "flops_M":
        reasons.append("FLOPs are counted in another way")
    if reasons:
        return NOT_COMPARABLE, "; ".join(reasons)
    difference = found.value - float(known.text)
    room = _half_width(known, found, name) + 0.5 * 10**-known.decimals
    if abs(difference) <= room + ROUNDING:
        return WITHIN, ""
    return (BETTER if (difference < 0) == metric.lower_is_better else WORSE), ""


def _half_width(known: Published, found: Measured, name: str) -> float:
    if known.statistic.kind == "mean":
        published_std = float(known.std) if known.std else None
        return statistics.half_width_of_means(found.values, published_std, known.statistic.n or 1)
    if known.statistic.kind == "single":
        return statistics.half_width_of_single_and_mean(found.values)
    if name == "test_error_pct":
        return statistics.half_width_of_bests(found.values)
    return statistics.half_width_of_singles(found.values)


def _marked(cells: dict[tuple[str, ...], Cell], marks: int) -> dict[tuple[str, ...], Cell]:
    """The best and second best of a row, of the printed values and of the measured ones. Equal values share a mark, and
    the next value is the second best. Values of fewer runs than the row's are not marked."""
    if not marks:
        return cells
    printed = _places([float(cell.published.text) for cell in cells.values()], marks)
    whole = {
        column: float(cell.number(cell.measured.value))
        for column, cell in cells.items()
        if cell.measured and cell.measured.n >= (cell.published.statistic.n or 1)
    }
    measured = dict(zip(whole, _places(list(whole.values()), marks), strict=True)) if len(whole) > 1 else {}
    return {
        column: replace(
            cell,
            published=replace(cell.published, mark=mark),
            measured=cell.measured and replace(cell.measured, mark=measured.get(column, 0)),
        )
        for (column, cell), mark in zip(cells.items(), printed, strict=True)
    }


def _places(values: Sequence[float], marks: int) -> list[int]:
    """1 for the smallest, 2 for the second smallest value, up to `marks`; 0 for the others."""
    best = sorted(set(values))[:marks]
    return [best.index(value) + 1 if value in best else 0 for value in values]
