"""Rank correlations of scores with the accuracies of a table's cells, with intervals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from harness.core.errors import HarnessError
from harness.core.rng import generator
from methods.strategies.strategy import Code, uniform
from spaces import Space

STATISTICS = {"kendall": kendalltau, "spearman": spearmanr}


def sample(space: Space, count: int, seed: int, stream: str) -> list[Code]:
    """So many different cells, drawn uniformly. Raises HarnessError where there are not so many."""
    most = math.prod(options for node in space.choices for options in node)
    if count > most:
        raise HarnessError(f"cells={count} is more than the {most:,} that there are.")
    draw, found = generator(seed, stream), dict[Code, None]()
    while len(found) < count:
        found[uniform(space.choices, draw)] = None
    return list(found)


def correlations(
    scores: NDArray[np.float64], accuracies: NDArray[np.float64], resamples: int, seed: int
) -> dict[str, list[float | None]]:
    """[value, low, high] by statistic, with 95 % intervals by the percentile bootstrap over the cells; None where one
    is not defined, as of equal scores."""
    draws = np.random.default_rng(seed)
    chosen = draws.integers(len(scores), size=(resamples, len(scores)))
    found: dict[str, list[float | None]] = {}
    for name, statistic in STATISTICS.items():
        if len(np.unique(scores)) < 2 or len(np.unique(accuracies)) < 2:
            found[name] = [None, None, None]
            continue
        several = [pick for pick in chosen if len(np.unique(scores[pick])) > 1 and len(np.unique(accuracies[pick])) > 1]
        resampled = [statistic(scores[pick], accuracies[pick]).statistic for pick in several]
        value, (low, high) = statistic(scores, accuracies).statistic, np.percentile(resampled, [2.5, 97.5])
        found[name] = [float(value), float(low), float(high)]
    return found


def shown(interval: list[float | None]) -> str:
    """`+0.512 [+0.430, +0.590]`"""
    value, low, high = interval
    return "-" if value is None else f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"
