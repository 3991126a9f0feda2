"""Values of methods aggregated over benchmarks and seeds, with intervals from resampled seeds.

Source: Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice (NeurIPS 2021):
interquartile mean, probability of improvement and performance profile, with a bootstrap in which every benchmark's
seeds are drawn anew from its own. Less is better in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike, NDArray

from reports.statistics.inference import CONFIDENCE, Interval

RESAMPLES = 2_000
SEED = 0
"""Of the resampling: the same records give the same intervals."""

RESAMPLED = (
    f"Interval: 95 %, percentiles of {RESAMPLES:,} bootstrap samples of the seeds, each benchmark's for itself; of "
    "fewer than about ten seeds it is too narrow."
)


@dataclass(frozen=True)
class Estimate:
    value: float
    interval: Interval | None
    """The bootstrap's percentiles; None where a benchmark has fewer than 2 runs. Of few runs it is too narrow."""

    def __str__(self) -> str:
        return f"{self.value:.2f}"

    @property
    def spread(self) -> str:
        return "one seed" if self.interval is None else f"{self.interval.low:.2f} to {self.interval.high:.2f}"


def by_method(scored: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    """The regrets of every method by benchmark, for the benchmarks on which searches count and that all share; none
    where there are none."""
    scored = scored[scored.counts]
    found = {
        str(method): {str(name): rows.regret.to_list() for name, rows in of.groupby("benchmark")}
        for method, of in scored.groupby("method")
    }
    shared = [name for name in scored.benchmark.unique() if all(name in of for of in found.values())]
    return {method: {name: of[name] for name in shared} for method, of in found.items()} if shared else {}


def interquartile_mean(benchmarks: Sequence[Sequence[float]]) -> Estimate:
    """The mean of all values of all benchmarks together without the lowest and the highest quarter, rounded down."""

    def statistic(*samples: NDArray[Any], axis: int) -> NDArray[Any]:
        return scipy.stats.trim_mean(np.concatenate(samples, axis=axis), 0.25, axis=axis)

    return _estimate(statistic, benchmarks)


def probability_of_improvement(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> Estimate:
    """That a run of `a` has the lower value than a run of `b` on the same benchmark, the benchmark drawn at random; of
    equal ones either has it half of the time. Values by benchmark."""

    def statistic(*samples: NDArray[Any], axis: int) -> NDArray[Any]:
        pairs = zip(samples[: len(a)], samples[len(a) :], strict=True)
        return np.mean([_below(x, y) for x, y in pairs], axis=0)

    return _estimate(statistic, [*a, *b])


def within(values: ArrayLike, limits: ArrayLike) -> NDArray[np.float64]:
    """The fraction of the values that are at each limit or below: a performance profile."""
    ordered = np.sort(np.asarray(values, dtype=float))
    return np.searchsorted(ordered, limits, side="right") / len(ordered)


def interval_of_fractions(fractions: ArrayLike, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clopper and Pearson's interval of each fraction of n: lower and upper ends. Where the n are of benchmarks with
    other probabilities each it is wider than it need be."""
    k = np.rint(np.asarray(fractions) * n)
    tail = (1 - CONFIDENCE) / 2
    low = np.where(k > 0, scipy.stats.beta.ppf(tail, np.maximum(k, 1), n - k + 1), 0.0)
    high = np.where(k < n, scipy.stats.beta.ppf(1 - tail, k + 1, np.maximum(n - k, 1)), 1.0)
    return low, high


def _below(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """P(x < y) + P(x = y) / 2 along the last axis: Mann and Whitney's U of y, as a fraction."""
    n, m = x.shape[-1], y.shape[-1]
    ranks = scipy.stats.rankdata(np.concatenate([y, x], axis=-1), axis=-1)[..., :m]
    return (ranks.sum(axis=-1) - m * (m + 1) / 2) / (n * m)


def _estimate(statistic: Callable[..., NDArray[Any]], samples: Sequence[Sequence[float]]) -> Estimate:
    arrays = [np.asarray(sample, dtype=float) for sample in samples]
    value = float(statistic(*arrays, axis=-1))
    if min(map(len, arrays)) < 2:
        return Estimate(value, None)
    found = scipy.stats.bootstrap(
        arrays,
        statistic,
        n_resamples=RESAMPLES,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Estimate(value, Interval(float(found.low), float(found.high)))
