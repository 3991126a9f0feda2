"""The incumbents of searches over their budget: what each run would have returned, had it been stopped there.

An incumbent stands from its record on until the next one, and the last one stands for good, for it is what the run
returns: a step function, never interpolated. Before its first record a run has none. What an incumbent is worth is what
a table says of it: in the records of searches on a table, else looked up where the table is imported.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from reports.costs import spoken
from reports.records import Records
from reports.statistics import inference, truth
from reports.statistics.scores import labelled
from reports.statistics.sheets import Sheet

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """A kind of budget: what it is called, and the columns of the records that add up to it."""

    name: str
    label: str
    columns: tuple[str, ...]
    timed: bool

    def words(self, spent: float) -> str:
        return spoken(spent) if self.timed else f"{spent:,.0f}"


EVALUATIONS = Axis(
    "evaluations",
    "evaluations",
    ("cost.evaluations", "cost.loss_evaluations", "cost.gradient_evaluations"),
    timed=False,
)
SIMULATED = Axis("simulated-seconds", "simulated time", ("cost.simulated_seconds",), timed=True)
SECONDS = Axis("seconds", "time of search", ("cost.seconds",), timed=True)
AXES = {axis.name: axis for axis in (EVALUATIONS, SIMULATED, SECONDS)}
USUAL = (EVALUATIONS, SIMULATED)
"""What is shown unless one is asked for. The seconds of a look-up say little."""
MEANING = {
    EVALUATIONS.name: "An evaluation is a trial, or a loss or a gradient that a rule asked for.",
    SIMULATED.name: "Simulated: what the trials took by the table's own times.",
    SECONDS.name: "Time without validation, on the device that is named.",
}
TENTHS = (0.01, 0.1, 1.0)
"""The parts of the common budget at which methods are compared."""
POINTS = 150
"""Of a grid."""


def steps(spent: ArrayLike, values: ArrayLike, at: ArrayLike) -> Array:
    """The value of the last step that is at or before each of `at`; nan before the first. `spent` ascends."""
    known = np.concatenate([[math.nan], np.asarray(values, dtype=float)])
    return known[np.searchsorted(np.asarray(spent, dtype=float), at, side="right")]


def is_wide(low: float, high: float) -> bool:
    """Whether the axis from the one to the other is logarithmic."""
    return high > 10 * low > 0


def grid(axis: Axis, low: float, high: float) -> Array:
    """Where step functions are read between the two: even on the axis as it is drawn, whole evaluations."""
    places = np.geomspace(low, high, POINTS) if is_wide(low, high) else np.linspace(low, high, POINTS)
    return np.unique(places if axis.timed else np.floor(places))


@dataclass(frozen=True)
class Trace:
    """One run: what it had spent at each record, and its incumbent there, in points."""

    run: str
    spent: Array
    regret: Array
    """Test error above that of the table's best; the test error itself where the best is not known."""
    gap: Array
    """Validation accuracy less test accuracy."""


@dataclass(frozen=True)
class Course:
    """The runs of a method on a benchmark."""

    traces: Sequence[Trace]

    @property
    def n(self) -> int:
        return len(self.traces)

    @cached_property
    def begins(self) -> float:
        """Where the last run has its first incumbent: no mean is taken before."""
        return max(float(trace.spent[0]) for trace in self.traces)

    @cached_property
    def ends(self) -> float:
        """Where the last run ends."""
        return max(float(trace.spent[-1]) for trace in self.traces)

    def regrets(self, at: ArrayLike) -> Array:
        """(runs, places)"""
        return np.stack([steps(trace.spent, trace.regret, at) for trace in self.traces])

    def gaps(self, at: ArrayLike) -> Array:
        """(runs, places)"""
        return np.stack([steps(trace.spent, trace.gap, at) for trace in self.traces])


@dataclass(frozen=True)
class Race:
    """Methods on one benchmark over one kind of budget."""

    benchmark: str
    axis: Axis
    courses: Mapping[str, Course]
    best: Mapping[str, float] | None
    """The table's best valid and best test accuracy, where they are known."""

    @property
    def measure(self) -> str:
        return "test error" if self.best is None else "regret"

    @property
    def budget(self) -> float:
        """The most that every method has spent."""
        return min(course.ends for course in self.courses.values())

    @property
    def runs(self) -> list[str]:
        return [trace.run for course in self.courses.values() for trace in course.traces]

    @property
    def places(self) -> Array:
        """Those of TENTHS, in whole evaluations."""
        parts = np.array(TENTHS) * self.budget
        return parts if self.axis.timed else np.ceil(parts)


def incumbents(records: Records) -> pd.DataFrame:
    """A row per record of the finished runs all of whose cells have a known worth: run, epoch, method, seed, space,
    dataset, device, valid and test (percent), and the columns of the cost."""
    runs = records.finished
    runs = runs.assign(method=labelled(runs))[["run", "method", "seed", "space", "dataset", "device"]]
    epochs = records.epochs.merge(runs, on="run")
    frame = truth.looked_up(epochs).rename(columns={"table.valid": "valid", "table.test": "test"})
    frame = frame.sort_values(["run", "epoch"])
    return frame[frame.test.notna().groupby(frame.run).transform("all")]


def races(of: pd.DataFrame, axis: Axis) -> list[Race]:
    """One for each benchmark of these incumbents on which something was spent; wall time on each device for itself."""
    if of.empty or not set(axis.columns) <= set(of):
        return []
    spent = of[list(axis.columns)].astype(float).sum(axis=1, skipna=False)
    of = of.assign(spent=spent).dropna(subset="spent")
    of = of[of.groupby("run").spent.transform("max") > 0]
    if axis is not SECONDS:
        return [_race(" ".join(map(str, key)), rows, axis) for key, rows in of.groupby(["space", "dataset"])]
    groups = of.groupby(["space", "dataset", "device"])
    return [_race(f"{space} {dataset}, {device}", rows, axis) for (space, dataset, device), rows in groups]


def _race(benchmark: str, rows: pd.DataFrame, axis: Axis) -> Race:
    best = truth.best(str(rows.space.iloc[0]), str(rows.dataset.iloc[0]))
    top = 100.0 if best is None else best["test"]
    courses = {str(method): Course(_traces(group, top)) for method, group in rows.groupby("method")}
    return Race(benchmark, axis, courses, best)


def _traces(rows: pd.DataFrame, top: float) -> list[Trace]:
    """Of each run; its rows are in the order of the epochs."""
    spent, valid, test = (rows[name].to_numpy() for name in ("spent", "valid", "test"))
    regret, gap = top - test, valid - test
    places = rows.groupby("run").indices
    return [Trace(str(run), spent[at], regret[at], gap[at]) for run, at in places.items()]


def curves(found: Sequence[Race]) -> pd.DataFrame:
    """Every method over its budget, unrounded: a row per race, method and place of a grid."""
    parts = []
    for race in found:
        for method, course in race.courses.items():
            at = grid(race.axis, course.begins, course.ends)
            regrets = course.regrets(at)
            mean, half = regrets.mean(axis=0), inference.half_widths_of_means(regrets)
            rows = {"spent": at, "mean": mean, "low": mean - half, "high": mean + half}
            named = {"over": race.axis.name, "benchmark": race.benchmark, "method": method, "n": course.n}
            parts.append(pd.DataFrame({**named, "measure": race.measure, **rows, "gap": course.gaps(at).mean(axis=0)}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def sheets(found: Sequence[Race]) -> list[Sheet]:
    """One for each kind of budget."""
    axes = {race.axis.name: race.axis for race in found}
    return [_sheet([race for race in found if race.axis is axis], axis) for axis in axes.values()]


def _sheet(found: Sequence[Race], axis: Axis) -> Sheet:
    note = (
        f"{MEANING[axis.name]} Means over n runs of what each would return then. Regret: points of test accuracy below "
        "the table's best cell; test error (%) where that is not known. Budget: the most that every method on the "
        "benchmark has spent. Interval: 95 %, Student's t, of the mean at the budget. Gap: validation less test "
        "accuracy there. 1/100, 1/10: of the budget. '–': not all runs have begun. Its end: where the last run ends."
    )
    header = (
        *("benchmark", "method", "measure", "n", "budget", "at 1/100", "at 1/10", "at the budget", "95 % interval"),
        *("gap", "its end", "then"),
    )
    rows = tuple(row for race in found for row in _rows(race))
    return Sheet(f"anytime-{axis.name}", f"Incumbents over {axis.label}", note, header, rows, left=3)


def _rows(race: Race) -> Iterator[tuple[str, ...]]:
    at = race.places
    for method, course in sorted(race.courses.items(), key=lambda item: _order(item[1], race.budget)):
        regrets, last = course.regrets(at), course.regrets([course.ends])
        interval = inference.interval_of_mean(regrets[:, -1].tolist())
        yield (
            *(race.benchmark, method, race.measure, str(course.n), race.axis.words(race.budget)),
            *(_number(mean) for mean in regrets.mean(axis=0)),
            _interval(interval, bool(np.isnan(regrets[:, -1]).any())),
            _number(course.gaps(at)[:, -1].mean()),
            race.axis.words(course.ends),
            _number(last.mean()),
        )


def _order(course: Course, budget: float) -> tuple[bool, float]:
    """The best at the budget first, those that begin after it last, by what they end with."""
    begun = course.begins <= budget
    return not begun, float(course.regrets([budget if begun else course.ends]).mean())


def _interval(found: inference.Interval | None, unknown: bool) -> str:
    if unknown:
        return "–"
    return "one seed" if found is None else f"{found.low:.2f} to {found.high:.2f}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
