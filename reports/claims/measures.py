"""Numbers by seed, from the records of finished searches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from reports.claims.claim import Mixed
from reports.records import Records
from reports.statistics import truth
from reports.statistics.scores import judged, short

BySeed = Mapping[int, float]
Settings = Mapping[str, object]
DRAWN = 10_000
"""Updates that a ratio is the mean of."""
PASSES = 2
"""Of a step of the weights."""
UNNAMED = {"oracle": "exact"}
"""What a setting is where a run does not name it."""


def runs_of(records: Records, method: str, space: str, dataset: str, **settings: object) -> pd.DataFrame:
    """The finished runs of a method, those that have these settings; one a seed. Raises Mixed where they differ in more
    than the seed."""
    of = records.finished
    of = of[(of.method == method) & (of.space == space) & (of.dataset.map(short) == short(dataset))]
    having = [settings.items() <= {**UNNAMED, **has}.items() for has in of.settings]
    of = of[np.array(having, dtype=bool)]
    if of.configuration.nunique() > 1:
        raise Mixed(f"the runs of {method} on {space} are of several settings; choose with --where")
    return of


def accuracy(records: Records, method: str, space: str, dataset: str, **settings: object) -> BySeed:
    """Test accuracies (percent) that a table knows of the cells that were found."""
    runs = runs_of(records, method, space, dataset, **settings)
    known = records.evaluations
    known = known[(known.kind == "lookup") & (known.dataset.map(short) == short(dataset))]
    known = judged(known[known.run.isin(runs.run)], "last").set_index("run")
    return {int(run.seed): float(known.test_accuracy[run.run]) for run in runs.itertuples() if run.run in known.index}


def below_average(records: Records, method: str, space: str, dataset: str, **settings: object) -> BySeed:
    """By how many points they are below the average cell of the table; empty where it is not imported."""
    average = truth.average(space, short(dataset))
    if average is None:
        return {}
    return {seed: average - value for seed, value in accuracy(records, method, space, dataset, **settings).items()}


def accuracy_within(
    evaluations: int, records: Records, method: str, space: str, dataset: str, **settings: object
) -> BySeed:
    """Likewise, in searches on a table, of the cells that stood when no more than so many losses and gradients had been
    asked for."""
    runs = runs_of(records, method, space, dataset, **settings)
    of = records.epochs[records.epochs.run.isin(runs.run)].sort_values("epoch")
    if of.empty:
        return {}
    spent = of["cost.loss_evaluations"] + of["cost.gradient_evaluations"]
    stood = of[spent <= evaluations].groupby("run")["table.test"].last()
    return {int(run.seed): float(stood[run.run]) for run in runs.itertuples() if run.run in stood.index}


def errors(records: Records, methods: Sequence[tuple[str, Settings]], space: str, dataset: str) -> Sequence[BySeed]:
    """Test errors (percent) after the last epoch of the cells that each of the methods, with its settings, found,
    trained from scratch; of several trainings of a cell the mean. Raises Mixed where not all were trained in one way.
    """
    runs = [runs_of(records, method, space, dataset, **settings) for method, settings in methods]
    known = records.evaluations
    known = known[(known.kind == "training") & (known.dataset.map(short) == short(dataset))]
    trained = judged(known[known.run.isin(pd.concat(runs).run)], "last")
    if trained.how.nunique() > 1:
        raise Mixed(f"cells of {space} were trained in several ways: {', '.join(sorted(set(trained.how)))}")
    by_run = trained.set_index("run").error
    return [{int(run.seed): float(by_run[run.run]) for run in of.itertuples() if run.run in by_run} for of in runs]


def at_the_end(column: str, records: Records, method: str, space: str, dataset: str, **settings: object) -> BySeed:
    """What stands in a column of the last record."""
    runs = runs_of(records, method, space, dataset, **settings)
    if column not in records.epochs:
        return {}
    last = records.epochs[records.epochs.run.isin(runs.run)].sort_values("epoch").groupby("run")[column].last()
    return {int(run.seed): float(last[run.run]) for run in runs.itertuples() if run.run in last.index}


parameterless = partial(at_the_end, "operations.normal.parameterless")
"""Parameterless operations in the normal cell, of 8."""
asked = partial(at_the_end, "cost.loss_evaluations")
"""Losses that the rule asked for."""


def over_epochs(column: str, records: Records, method: str, space: str, dataset: str, **settings: object) -> BySeed:
    """The mean of what stands in a column of the records that have it."""
    runs = runs_of(records, method, space, dataset, **settings)
    if column not in records.epochs:
        return {}
    means = records.epochs[records.epochs.run.isin(runs.run)].groupby("run")[column].mean()
    return {int(run.seed): float(means[run.run]) for run in runs.itertuples() if pd.notna(means.get(run.run))}


sample_ratio = partial(over_epochs, "rule.esr")
"""The effective sample ratio of an epoch's updates, a mean over the epochs: in the last ones sigma is so small that all
candidates have one loss."""


def passes(records: Records, method: str, space: str, dataset: str, **settings: object) -> BySeed:
    """Passes over a batch, forward and backward: what a search takes, whatever else the machine does."""
    forwards, backwards = (
        at_the_end(f"cost.{kind}", records, method, space, dataset, **settings) for kind in ("forwards", "backwards")
    )
    return {seed: forwards[seed] + backwards[seed] for seed in forwards}


def passes_of_schedule(
    weight_steps: int, updates: int, records: Records, method: str, space: str, dataset: str, **settings: object
) -> BySeed:
    """What the search would take with so many steps of the weights and updates of alpha, of which each takes what it
    took."""
    taken, steps, moves = (
        passes(records, method, space, dataset, **settings),
        *(
            at_the_end(f"cost.{kind}_steps", records, method, space, dataset, **settings)
            for kind in ("weight", "alpha")
        ),
    )
    return {
        seed: PASSES * weight_steps + updates * (taken[seed] - PASSES * steps[seed]) / moves[seed]
        for seed in taken
        if moves[seed]
    }


def ratio_of_equal_losses(samples: int, dimensions: int) -> float:
    """The effective sample ratio that MGS has on average where all candidates have one loss, with the weights of Eq. 8:
    c_i is then 1 over the density of a normal draw, in so many dimensions."""
    drawn = np.random.default_rng(0).chisquare(dimensions, size=(DRAWN, samples)) / 2
    weights = np.exp(drawn - drawn.max(axis=1, keepdims=True))
    return float(np.mean(weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)) / samples)


def less(a: BySeed, b: BySeed) -> BySeed:
    """a - b, on the seeds that both have."""
    return {seed: a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())}


def ratio(a: BySeed, b: BySeed) -> BySeed:
    """a / b, likewise."""
    return {seed: a[seed] / b[seed] for seed in sorted(a.keys() & b.keys())}


def mean(of: Iterable[BySeed]) -> BySeed:
    """Over several benchmarks, of the seeds that all have; empty where one has none."""
    each: Sequence[BySeed] = list(of)
    common = set.intersection(*(set(values) for values in each)) if each else set()
    return {seed: sum(values[seed] for values in each) / len(each) for seed in sorted(common)}
