"""Interquartile means, probabilities of improvement and profiles, by hand and against scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reports.statistics import aggregates


def test_an_interquartile_mean_by_hand() -> None:
    """Of 0 to 7 without the two lowest and the two highest: 2 to 5. Of two benchmarks all values stand together."""
    assert aggregates.interquartile_mean([[7, 0, 100, 2], [3, 4, 5, 6]]).value == pytest.approx((3 + 4 + 5 + 6) / 4)
    alone = aggregates.interquartile_mean([[3.0]])
    assert (alone.value, alone.spread) == (3.0, "one seed")


def test_an_improvement_by_hand() -> None:
    """On the first benchmark 1 is below both of 2, 3 and 2 below one and equal to one: 3.5 of 4; on the second none."""
    found = aggregates.probability_of_improvement([[1, 2], [9, 9]], [[2, 3], [1, 1]])
    assert found.value == pytest.approx((3.5 / 4 + 0) / 2)
    a, b = [1.0, 5.0, 2.0, 2.0], [2.0, 3.0, 4.0]
    u = stats.mannwhitneyu(b, a).statistic
    assert aggregates.probability_of_improvement([a], [b]).value == pytest.approx(u / 12)


def test_intervals_are_the_bootstrap_s_of_each_benchmark_for_itself_and_the_same_again() -> None:
    """Constant benchmarks do not vary when each is resampled for itself; one sample of both would."""
    found = aggregates.interquartile_mean([[1.0, 1.0], [9.0, 9.0]])
    assert found.interval == aggregates.Interval(5.0, 5.0)
    values = [float(value) for value in range(20)]
    first, second = (aggregates.interquartile_mean([values]) for _ in range(2))
    assert first == second
    half = stats.t.ppf(0.975, 19) * np.std(values, ddof=1) / np.sqrt(20)
    assert first.interval is not None
    assert first.interval.high - first.interval.low == pytest.approx(2 * half, rel=0.35)


def test_methods_are_aggregated_on_the_benchmarks_that_all_share() -> None:
    frame = pd.DataFrame(
        [("a", "x", 1.0), ("a", "y", 2.0), ("b", "x", 3.0), ("b", "x", 4.0)], columns=["method", "benchmark", "regret"]
    ).assign(counts=True)
    assert aggregates.by_method(frame) == {"a": {"x": [1.0]}, "b": {"x": [3.0, 4.0]}}
    assert aggregates.by_method(frame[frame.benchmark.ne("x") | frame.method.eq("b")]) == {}


def test_profiles_count_what_is_at_a_limit_or_below() -> None:
    assert aggregates.within([0.5, 1.0, 1.0, 3.0], [0.4, 0.5, 1.0, 3.0]).tolist() == [0, 0.25, 0.75, 1]
    low, high = aggregates.interval_of_fractions([0.0, 0.3, 1.0], 10)
    for place, k in enumerate((0, 3, 10)):
        expected = stats.binomtest(k, 10).proportion_ci(method="exact")
        assert (low[place], high[place]) == pytest.approx((expected.low, expected.high))
