"""How trainings rank cells: Kendall's tau-b of the test errors that the same cells have when trained in two ways.

Source: Kendall, The Treatment of Ties in Ranking Problems (Biometrika 33, 1945). What tau is between two seeds of one
configuration, chance leaves of a ranking; that is what a shorter training's tau with it is to be held against.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from reports.records import Records, differing
from reports.statistics.aggregates import RESAMPLES, SEED, Estimate
from reports.statistics.inference import CONFIDENCE, Interval
from reports.statistics.sheets import Sheet

FEWEST = 5
"""Cells that a ranking is of."""
HEADER = ("cells of", "a", "b", "n", "tau", "95 % interval")
NOTE = (
    "Kendall's tau-b of the test errors, {epoch} epoch, of the cells that searches found, trained from scratch as a "
    "and as b: 1 where both rank them alike, -1 the other way round, 0 where neither says anything of the other. n: "
    f"the cells that both have, at least {FEWEST}; one that several searches found counts once. Seeds are the "
    "trainings'; tau between two of one configuration is what chance leaves of its ranking. Interval: 95 %, "
    f"percentiles of {RESAMPLES:,} bootstrap samples of the cells."
)


@dataclass(frozen=True)
class Training:
    """One way in which cells were trained: a configuration, with one seed or on average over its seeds."""

    name: str
    errors: pd.Series
    """Of the test, in percent, by the cell's notation."""


@dataclass(frozen=True)
class Compared:
    """The cells of a space that were trained in two ways on the same data."""

    space: str
    dataset: str
    names: tuple[str, str]
    errors: NDArray[np.float64]
    """(n, 2)"""


def compared(records: Records, epoch: str = "last") -> Iterator[Compared]:
    """Any two ways that have at least FEWEST cells in common."""
    for (space, dataset), trained in _trained(records, epoch).groupby(["space", "dataset"]):
        for a, b in _pairs(trained):
            both = pd.concat([a.errors, b.errors], axis=1, join="inner").to_numpy()
            if len(both) >= FEWEST:
                yield Compared(space, dataset, (a.name, b.name), both)


def sheet(records: Records, epoch: str = "last") -> list[Sheet]:
    """One; none where no five cells of a space were trained on the same data in two ways."""
    rows = []
    for of in compared(records, epoch):
        tau = rank_correlation(*of.errors.T)
        found = ("–", "–") if tau is None else (str(tau), tau.spread)
        rows.append((f"{of.space}, {of.dataset}", *of.names, str(len(of.errors)), *found))
    note = NOTE.format(epoch=epoch)
    return [Sheet("rankings", "How trainings rank cells", note, HEADER, tuple(rows), left=3)] if rows else []


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> Estimate | None:
    """Kendall's tau-b of (n,) and (n,), with its interval; None where all values of either are equal. Samples of which
    that is true are left out."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    drawn = np.random.default_rng(SEED).integers(len(a), size=(RESAMPLES, len(a)))
    counts = np.stack([np.bincount(sample, minlength=len(a)) for sample in drawn]).astype(float)
    tails = 50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)
    low, high = np.nanpercentile(_taus(counts, _orders(a), _orders(b)), tails)
    return Estimate(float(scipy.stats.kendalltau(a, b).statistic), Interval(float(low), float(high)))


def _orders(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of every pair, (n, n): 1 where the first is larger, -1 where the second is, 0 where they are equal."""
    return np.sign(values[:, None] - values[None, :])


def _taus(counts: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tau-b of every sample, (samples,), from how often it has each cell, (samples, n), and the orders of all cells;
    scipy, asked for each sample, takes a second. nan where all values are equal."""

    def over_pairs(of: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((counts @ of * counts).sum(axis=1))

    with np.errstate(invalid="ignore"):
        return np.asarray(over_pairs(a * b) / np.sqrt(over_pairs(a * a) * over_pairs(b * b)))


def _trained(records: Records, epoch: str) -> pd.DataFrame:
    """One row for each training: space, dataset, notation, settings, configuration, seed, error (percent)."""
    found = records.evaluations[records.evaluations.kind == "training"]
    settings = [{"recipe": recipe, **of} for recipe, of in zip(found.recipe, found.settings, strict=True)]
    return found.assign(
        space=found.run.map(records.runs.set_index("run").space),
        settings=settings,
        configuration=[json.dumps(of, sort_keys=True) for of in settings],
        error=found[f"test_error_{epoch}"].astype(float),
    )


def _pairs(trained: pd.DataFrame) -> Iterator[tuple[Training, Training]]:
    """Of the trainings in one space, on the same data: configurations, each with the mean over its seeds; then, where
    one has several, single seeds."""
    names = differing(trained.settings)
    means, singles = [], []
    for _, group in sorted(trained.groupby("configuration"), key=lambda of: _place(of[1].settings.iloc[0], names)):
        values = [f"{name}={group.settings.iloc[0].get(name)}" for name in names]
        by_seed = group.pivot_table(index="notation", columns="seed", values="error")
        means.append(Training(", ".join([*values, *_averaged(by_seed)]), by_seed.mean(axis=1)))
        singles += [Training(", ".join([*values, f"seed {seed}"]), by_seed[seed].dropna()) for seed in by_seed]
    yield from combinations(means, 2)
    if len(singles) > len(means):
        yield from combinations(singles, 2)


def _place(settings: Mapping[str, Any], names: list[str]) -> list[tuple[float, str]]:
    """By which configurations are sorted: numbers as numbers."""
    values = [settings.get(name) for name in names]
    return [(value if isinstance(value, int | float) else 0.0, str(value)) for value in values]


def _averaged(by_seed: pd.DataFrame) -> list[str]:
    """Over how many seeds the errors of cells are averaged, where that is not one."""
    fewest, most = by_seed.count(axis=1).agg(["min", "max"])
    if most == 1:
        return []
    return [f"mean of {most} seeds" if fewest == most else f"mean of {fewest} to {most} seeds"]
