"""The runs that there are, benchmark by benchmark, with what ranks the methods on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.costs import spoken
from reports.records import OF_EVALUATION, Records
from reports.statistics.scores import decided, judged, labelled, short

BUDGET = ["epochs", "budget_seconds", "budget_evaluations", "budget_simulated"]
KEY = ["space", "dataset", "dataset_files", "protocol", "version", "oracle", *BUDGET]
"""Of runs that are compared: they searched the same, in the same way and for as long."""
NONE: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Benchmark:
    """What was searched, under which protocol and budget."""

    space: str
    dataset: str
    protocol: str
    version: int
    dataset_files: str | None = None
    """What tells data that were given by path from others of the same name."""
    oracle: str | None = None
    """What a table was asked by, where it is not the one that there was first."""
    epochs: int | None = None
    """None where the budget is in units that all families have."""
    budget_seconds: float | None = None
    budget_evaluations: int | None = None
    budget_simulated: float | None = None

    @property
    def budget(self) -> str:
        epochs, limits = self.epochs, []
        if self.budget_simulated is not None:
            limits.append(f"{spoken(self.budget_simulated)} by the table's times")
        if self.budget_evaluations is not None:
            limits.append(f"{self.budget_evaluations:,} evaluations")
        if self.budget_seconds is not None:
            limits.append(spoken(self.budget_seconds))
        words = [] if epochs is None else [f"{epochs:,} {'epoch' if epochs == 1 else 'epochs'}"]
        words += [f"at most {' and '.join(limits)}"] if limits else []
        return ", ".join(words if self.oracle is None else [f"oracle {self.oracle}", *words])

    @property
    def under(self) -> str:
        return f"protocol {self.protocol}, version {self.version}"

    @property
    def place(self) -> tuple[str | int | None, ...]:
        """Without the budget."""
        return self.space, self.dataset, self.dataset_files, self.protocol, self.version, self.oracle


@dataclass(frozen=True)
class Measure:
    """What methods are ranked by: its name with the unit, whether less of it is better, and what it is of."""

    heading: str
    lower_is_better: bool
    words: str


TEST_ERROR, TEST_ACCURACY = "test error (%)", "test accuracy (%)"
SUPERNET = Measure(
    "validation accuracy (%)",
    False,
    "validation accuracy of the supernet, as no cell is evaluated; it is not the cell's",
)
TRIAL = Measure("best trial (%)", False, "validation accuracy of the best trial, as no cell is evaluated")


@dataclass(frozen=True)
class Board:
    """The ranked runs of a benchmark by one measure."""

    benchmark: Benchmark
    measure: Measure
    scores: pd.DataFrame
    """A row per run: method, seed, run, value, seconds, simulated_seconds, device, settings (those of the search and
    of the training of its cell, as `--where` names them), and a column for each of `also`."""
    also: tuple[str, ...] = ()
    """Data sets that the same cells are looked up on besides: test accuracies (percent)."""
    left_out: str = ""
    """How many searches are not ranked, and why: "2 unfinished, 1 failed"."""

    @property
    def ranked(self) -> list[tuple[str, float, pd.DataFrame]]:
        """Methods with their rank (equal means share the better one's) and runs, the best first."""
        means = self.scores.groupby("method").value.mean().round(9)
        order = means.rank(method="min", ascending=self.measure.lower_is_better).sort_values(kind="stable")
        groups = dict(list(self.scores.groupby("method")))
        return [(str(method), rank, groups[method]) for method, rank in order.items()]


def boards(records: Records, epoch: str = "last") -> list[Board]:
    """Of every benchmark: one board for each way its cells were trained, one for what a table says of them, or, where
    no cell is judged, one for what the searches themselves measured. A benchmark on which nothing is finished has one
    without rows. `records` may be of several protocols."""
    found = []
    for key, runs in _by_budget(records.runs).groupby(KEY, dropna=False):
        known: dict[str, Any] = {name: value for name, value in zip(KEY, key, strict=True) if not pd.isna(value)}
        known |= {name: int(known[name]) for name in ("epochs", "budget_evaluations") if name in known}
        benchmark, dataset = Benchmark(**known), known["dataset"]
        finished = runs[runs.finished.astype(bool)]
        finished = finished.assign(method=labelled(finished))
        evaluations = records.evaluations[records.evaluations.run.isin(finished.run)]
        ranked = list(_judged(finished, evaluations, dataset, epoch)) or list(_self_judged(finished))
        for measure, scores, also in ranked or [(SUPERNET, _scores(finished, finished.valid_accuracy), ())]:
            found.append(Board(benchmark, measure, scores, also, _left_out(runs, scores)))
    return found


def names(boards: Sequence[Board]) -> dict[Benchmark, str]:
    """The space and the data set of each benchmark, and what tells the data apart where one name stands for several."""
    of = {board.benchmark: f"{board.benchmark.space}, {board.benchmark.dataset}" for board in boards}
    files = {(name, benchmark.dataset_files) for benchmark, name in of.items()}
    several = {name for name, count in Counter(name for name, _ in files).items() if count > 1}
    return {
        benchmark: f"{name} (dataset_files={benchmark.dataset_files})" if name in several else name
        for benchmark, name in of.items()
    }


def _by_budget(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs without their epochs where an oracle of a table has a budget: an epoch is another thing in each family,
    what the budget counts is not."""
    limited = runs.budget_simulated.notna() | runs.budget_evaluations.notna()
    return runs.assign(epochs=runs.epochs.mask(runs.oracle.notna() & limited))


def _judged(
    runs: pd.DataFrame, evaluations: pd.DataFrame, searched: str, epoch: str
) -> Iterator[tuple[Measure, pd.DataFrame, tuple[str, ...]]]:
    """By the cells: what trainings gave, each way to train for itself, then what a table says."""
    evaluations = judged(evaluations, epoch)
    looked_up = evaluations.kind == "lookup"
    for (dataset, how), group in evaluations[~looked_up].groupby(["dataset", "how"]):
        words = f"test error of the cells trained on {dataset}, {how}, {epoch} epoch"
        trained = group.set_index("run")
        yield Measure(TEST_ERROR, True, words), _scores(runs, trained.error, dict(trained.settings)), ()
    tables = evaluations[looked_up].pivot(index="run", columns="dataset", values="test_accuracy").astype(float)
    if len(tables):
        first = next((name for name in tables if short(name) == short(searched)), tables.columns[0])
        also = tuple(str(name) for name in tables if name != first)
        scores = _scores(runs, tables[first]).join(tables[list(also)], on="run")
        yield Measure(TEST_ACCURACY, False, f"test accuracy of the cells on {first}, looked up"), scores, also


def _self_judged(runs: pd.DataFrame) -> Iterator[tuple[Measure, pd.DataFrame, tuple[str, ...]]]:
    """By what the searches measured."""
    of = runs.set_index("run")
    for measure, values in (
        (SUPERNET, 100 * of.valid_accuracy.astype(float)),
        (TRIAL, of.trial_accuracy.astype(float)),
    ):
        if values.notna().any():
            yield measure, _scores(runs, values), ()


def _scores(runs: pd.DataFrame, values: pd.Series, trainings: Mapping[Any, Any] = NONE) -> pd.DataFrame:
    """The runs that have a value, by method and seed. `trainings`: the settings of the training of a run's cell."""
    frame = runs.assign(value=runs.run.map(values.dropna()).astype(float))
    frame = frame[frame.value.notna()].sort_values(["method", "seed"], ignore_index=True)
    settings = [
        {**decided(run), **{f"{OF_EVALUATION}{name}": value for name, value in trainings.get(run.run, NONE).items()}}
        for run in frame.itertuples()
    ]
    frame = frame.assign(settings=pd.Series(settings, dtype=object))
    return frame[["method", "seed", "run", "value", "seconds", "simulated_seconds", "device", "settings"]]


def _left_out(runs: pd.DataFrame, scores: pd.DataFrame) -> str:
    failed, finished = runs.failed.astype(bool), runs.finished.astype(bool)
    counts = {
        "unfinished": int((~finished & ~failed).sum()),
        "failed": int((~finished & failed).sum()),
        "finished but not evaluated in this way": int(finished.sum()) - len(scores),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)
