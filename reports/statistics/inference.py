"""Statistics on sets of runs: intervals, comparisons with the published values, and methods over benchmarks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import scipy  # whose parts come when they are first used: to load them takes a second
from numpy.typing import NDArray

CONFIDENCE = 0.95
POWER = 0.8
MOST_SEEDS = 10_000
OF_MEAN = (
    "Interval: 95 % of the mean, Student's t, which takes the values for symmetric and may leave what is possible."
)
SAME = 1e-9
"""Values (percent) that differ by less do not differ."""


@dataclass(frozen=True)
class Interval:
    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.4g}, {self.high:.4g}]"


# One set of values.


def interval_of_mean(values: Sequence[float]) -> Interval | None:
    """Student's interval; None for fewer than 2 values. A bootstrap of so few seeds as searches have is too narrow."""
    n = len(values)
    if n < 2:
        return None
    mean, half = float(np.mean(values)), _t(n - 1) * sample_std(values) / math.sqrt(n)
    return Interval(mean - half, mean + half)


def half_widths_of_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of Student's intervals of the means of the columns, (n, k) to (k,); nan for fewer than 2 rows."""
    n = len(values)
    if n < 2:
        return np.full(values.shape[1], math.nan)
    return _t(n - 1) * values.std(axis=0, ddof=1) / math.sqrt(n)


def population_std(values: Sequence[float]) -> float | None:
    """With n in the denominator, as the paper has it; None for fewer than 2 values."""
    return float(np.std(values)) if len(values) > 1 else None


def sample_std(values: Sequence[float]) -> float:
    """With n - 1 in the denominator."""
    return float(np.std(values, ddof=1))


def _t(freedom: float) -> float:
    """What the two-sided intervals of Student's distribution reach to."""
    return float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, freedom))


# Half-widths: how far a measured and a published value may lie apart by chance, in 95 of 100 cases.


def half_width_of_means(values: Sequence[float], published_std: float | None, published_n: int) -> float:
    """Welch's interval of a difference of means; the published std is over n. Without one, both spreads are taken to be
    the measured one."""
    n, s = len(values), sample_std(values)
    if published_std is None:
        return _t(n - 1) * s * math.sqrt(1 / n + 1 / published_n)
    a, b = s**2 / n, published_std**2 / (published_n - 1)  # the sample variance over n is the population's over n - 1
    if a + b == 0:
        return 0.0
    freedom = (a + b) ** 2 / (a**2 / (n - 1) + b**2 / (published_n - 1))
    return _t(freedom) * math.sqrt(a + b)


def half_width_of_bests(values: Sequence[float]) -> float:
    """Of the difference of two bests of n values, both drawn from the normal distribution that the values suggest."""
    return (
        float(scipy.stats.norm.ppf((1 + CONFIDENCE) / 2))
        * math.sqrt(2)
        * _std_of_best(len(values))
        * sample_std(values)
    )


def half_width_of_singles(values: Sequence[float]) -> float:
    """Of the difference of two single draws."""
    return float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * math.sqrt(2) * sample_std(values)


def half_width_of_single_and_mean(values: Sequence[float]) -> float:
    """Of the difference of a single draw from the mean of the values: the prediction interval."""
    n = len(values)
    return _t(n - 1) * math.sqrt(1 + 1 / n) * sample_std(values)


@lru_cache
def _std_of_best(n: int) -> float:
    """The standard deviation of the smallest of n standard normal values."""

    def moment(k: int) -> float:
        return scipy.integrate.quad(
            lambda x: x**k * n * scipy.stats.norm.pdf(x) * scipy.stats.norm.sf(x) ** (n - 1), -12, 12
        )[0]

    return math.sqrt(moment(2) - moment(1) ** 2)


# Two methods on one benchmark, by seed.


@dataclass(frozen=True)
class Difference:
    """Of the means of two sets of runs, a - b."""

    mean: float
    half: float | None
    """Half of the 95 % interval; None where there are too few runs for one."""
    p: float
    """Of the hypothesis that there is none; nan without an interval, and where nothing varies."""
    pairs: tuple[float, ...] = ()
    """a - b on each seed, where they are compared seed by seed."""


def difference(a: Mapping[int, float], b: Mapping[int, float]) -> Difference:
    """Values by seed. Paired (Student) over the seeds of the one that has fewer, where the other has them too and there
    are at least 2; else of all values, with either spread (Welch)."""
    common = sorted(a.keys() & b.keys())
    if len(common) >= 2 and len(common) == min(len(a), len(b)):
        of = np.array([a[seed] - b[seed] for seed in common])
        half, p = _paired(of)
        return Difference(float(of.mean()), half, p, tuple(of.tolist()))
    first, second = list(a.values()), list(b.values())
    return Difference(float(np.mean(first) - np.mean(second)), *_welch(first, second))


def _paired(of: NDArray[np.float64]) -> tuple[float, float]:
    """Half of the interval, and p."""
    if np.ptp(of) < SAME:
        return 0.0, math.nan
    found = scipy.stats.ttest_1samp(of, 0.0)
    return _half(found), float(found.pvalue)


def _welch(a: Sequence[float], b: Sequence[float]) -> tuple[float | None, float]:
    if min(len(a), len(b)) < 2:
        return None, math.nan
    if max(np.ptp(a), np.ptp(b)) < SAME:
        return 0.0, math.nan
    found = scipy.stats.ttest_ind(a, b, equal_var=False)
    return _half(found), float(found.pvalue)


def _half(found: Any) -> float:
    interval = found.confidence_interval(CONFIDENCE)
    return float(interval.high - interval.low) / 2


# Methods over benchmarks. `scores` has a row per benchmark and a column per method; lower is better.


def compare(scores: pd.DataFrame) -> pd.DataFrame:
    """Wilcoxon's signed-rank test of every pair of methods over the benchmarks that both have, with Holm's correction
    over the pairs. Columns: a, b, benchmarks, median_difference (a - b), p, p_holm; p is nan where fewer than 2
    benchmarks differ."""
    rows = []
    for a, b in combinations(scores.columns, 2):
        both = scores[[a, b]].dropna()
        difference = both[a] - both[b]
        p = math.nan
        if (difference != 0).sum() > 1:
            with warnings.catch_warnings():  # ties make it fall back on the normal approximation, which it says
                warnings.simplefilter("ignore")
                p = float(scipy.stats.wilcoxon(difference).pvalue)
        rows.append((a, b, len(both), float(difference.median()) if len(both) else math.nan, p))
    table = pd.DataFrame(rows, columns=["a", "b", "benchmarks", "median_difference", "p"])
    return table.assign(p_holm=holm(table.p))


def holm(p: pd.Series) -> pd.Series:
    """Holm's (1979) step-down adjustment; nan stays nan and does not count."""
    order = p.dropna().sort_values().index
    factors = np.arange(len(order), 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(p[order].to_numpy() * factors), 1.0)
    return pd.Series(adjusted, index=order).reindex(p.index)


def wins(scores: pd.DataFrame) -> pd.DataFrame:
    """On how many benchmarks the row's method is better than the column's; a tie is no win for either."""
    methods = list(scores.columns)
    return pd.DataFrame([[int((scores[a] < scores[b]).sum()) for b in methods] for a in methods], methods, methods)


@dataclass(frozen=True)
class Ranks:
    """Average ranks over the benchmarks on which all methods have a score (Demšar, JMLR 2006)."""

    mean: pd.Series
    benchmarks: int
    friedman_p: float
    """Of the hypothesis that all methods are equal; nan for fewer than 3 methods."""
    critical_difference: float
    """Nemenyi's: average ranks closer than this are not told apart."""


def ranks(scores: pd.DataFrame) -> Ranks | None:
    """None where fewer than 2 methods share 2 benchmarks."""
    complete = scores.dropna()
    n, k = complete.shape
    if n < 2 or k < 2:
        return None
    mean = complete.rank(axis=1).mean().sort_values()
    equal = all(complete[a].equals(complete[complete.columns[0]].rename(a)) for a in complete)
    p = (
        float(scipy.stats.friedmanchisquare(*(complete[m] for m in complete)).pvalue)
        if k > 2 and not equal
        else math.nan
    )
    q = float(scipy.stats.studentized_range.ppf(CONFIDENCE, k, np.inf)) / math.sqrt(2)
    return Ranks(mean, n, p, q * math.sqrt(k * (k + 1) / (6 * n)))


def seeds_to_separate(a: Sequence[float], b: Sequence[float]) -> int | None:
    """How many seeds each of two methods needs for a two-sided t-test at 5 % to find their difference with a power of
    80 %, if means and pooled spread are as measured. None where either has fewer than 2 values, they do not differ, or
    more than 10,000 would be needed."""
    if min(len(a), len(b)) < 2:
        return None
    pooled = math.sqrt(((len(a) - 1) * np.var(a, ddof=1) + (len(b) - 1) * np.var(b, ddof=1)) / (len(a) + len(b) - 2))
    difference = abs(float(np.mean(a) - np.mean(b)))
    if difference == 0:
        return None
    if pooled == 0:
        return 2
    effect = difference / pooled
    return _fewest(lambda n: _power(2 * n - 2, effect * math.sqrt(n / 2)))


def pairs_to_decide(differences: Sequence[float]) -> int | None:
    """The same of a paired t-test, for seeds that both have: None where there are fewer than 2, they do not differ on
    average, or more than 10,000 would be needed."""
    mean = abs(float(np.mean(differences)))
    if len(differences) < 2 or mean < SAME or np.ptp(differences) < SAME:
        return None
    effect = mean / sample_std(differences)
    return _fewest(lambda n: _power(n - 1, effect * math.sqrt(n)))


def _fewest(power: Callable[[int], float]) -> int | None:
    """The least number of seeds, 2 or more, with the wanted power; None beyond 10,000."""
    low = high = 2
    while power(high) < POWER:  # from below: far above, scipy's distribution is nan
        low, high = high + 1, 2 * high
        if low > MOST_SEEDS:
            return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle + 1, high)
    return low


def _power(freedom: int, shift: float) -> float:
    """Of a two-sided t-test whose statistic has this noncentrality."""
    critical = _t(freedom)
    return float(scipy.stats.nct.sf(critical, freedom, shift) + scipy.stats.nct.cdf(-critical, freedom, shift))
