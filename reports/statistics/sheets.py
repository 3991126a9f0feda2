"""Methods compared by what their cells reach: intervals, ranks, wins, paired tests, and how many seeds are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from reports.costs import cost
from reports.records import Records
from reports.statistics import aggregates, inference
from reports.statistics.scores import AVERAGED, ONCE, means, scores


@dataclass(frozen=True)
class Sheet:
    """A table of text with what it shows."""

    name: str
    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    """How many columns are words."""


def sheets(records: Records, epoch: str = "last") -> list[Sheet]:
    """All statistics; none where no run is evaluated."""
    scored = scores(records, epoch)
    if scored.empty:
        return []
    table = means(scored)
    found = [_results(scored), *_seeds(scored), *_aggregated(scored)]
    if min(table.shape) > 1:
        found += [*_ranks(table), _wins(table), _paired(table)]
    return found


def _results(scored: pd.DataFrame) -> Sheet:
    rows = []
    for (benchmark, method), group in scored.groupby(["benchmark", "method"]):
        values = group.error.to_list()
        spread, interval = inference.population_std(values), inference.interval_of_mean(values)
        rows.append(
            (
                benchmark,
                method,
                str(len(values)),
                f"{np.mean(values):.2f}",
                "–" if spread is None else f"{spread:.2f}",
                "one seed" if interval is None else f"{interval.low:.2f} to {interval.high:.2f}",
                f"{min(values):.2f}",
                cost(group),
            )
        )
    note = (
        f"Test error (%) of the cells that were found. n: searches. std: of the population. {inference.OF_MEAN} Cost: "
        f"median of a search. {AVERAGED}"
    )
    header = ("benchmark", "method", "n", "mean", "std", "95 % interval", "best", "cost")
    return Sheet("results", "Test errors", note, header, tuple(rows), left=2)


def _seeds(scored: pd.DataFrame) -> list[Sheet]:
    """Neighbours in the order of means on each benchmark."""
    rows = []
    for benchmark, group in scored.groupby("benchmark"):
        of = {method: part.error.to_list() for method, part in group.groupby("method")}
        order = sorted(of, key=lambda method: (np.mean(of[method]), method))
        for a, b in pairwise(order):
            needed = inference.seeds_to_separate(of[a], of[b])
            have = min(len(of[a]), len(of[b]))
            said = _needed(needed, have, of[a], of[b])
            rows.append((str(benchmark), a, b, f"{np.mean(of[b]) - np.mean(of[a]):.2f}", str(have), said))
    note = (
        "How many seeds each of two neighbours needs for a two-sided t-test at 5 % to find their difference with a "
        "power of 80 %, if means and pooled spread stay as measured."
    )
    header = ("benchmark", "better", "worse", "difference", "seeds", "seeds needed")
    return [Sheet("seeds", "Seeds that would separate neighbours", note, header, tuple(rows), left=3)] if rows else []


def _aggregated(scored: pd.DataFrame) -> list[Sheet]:
    found = aggregates.by_method(scored)
    if len(found) < 2:
        return []
    regrets = {method: aggregates.interquartile_mean(list(of.values())) for method, of in found.items()}
    rows = tuple(
        (method, str(len(found[method])), str(sum(map(len, found[method].values()))), str(mean), mean.spread)
        for method, mean in sorted(regrets.items(), key=lambda item: item[1].value)
    )
    note = (
        "Of the regrets (points of test error above the least that is known: of all cells of a table, else of these "
        "runs) on the benchmarks that all methods share, a quarter of the runs cut off on either side. "
        f"{aggregates.RESAMPLED} {ONCE}"
    )
    header = ("method", "benchmarks", "runs", "interquartile mean", "95 % interval")
    made = [Sheet("interquartile", "Interquartile means of regret", note, header, rows)]
    pairs = [
        (a, b, str(len(found[a])), str(better), better.spread)
        for a, b in combinations(found, 2)
        for better in [aggregates.probability_of_improvement(list(found[a].values()), list(found[b].values()))]
    ]
    note = (
        "That a run of a has a lower test error than one of b on a benchmark, mean over those that all methods share; "
        f"of equal ones either has half. {aggregates.RESAMPLED} {ONCE}"
    )
    header = ("a", "b", "benchmarks", "P(a is better)", "95 % interval")
    return [*made, Sheet("improvement", "Probability of improvement", note, header, tuple(pairs), left=2)]


def _needed(needed: int | None, have: int, a: Sequence[float], b: Sequence[float]) -> str:
    if have < 2:
        return "unknown: one seed has no spread"
    if needed is None:
        return "no difference" if np.mean(a) == np.mean(b) else f"more than {inference.MOST_SEEDS:,}"
    return f"{needed} (enough)" if needed <= have else f"{needed} ({needed - have} more)"


def _ranks(table: pd.DataFrame) -> list[Sheet]:
    found = inference.ranks(table)
    if found is None:
        return []
    friedman = "" if np.isnan(found.friedman_p) else f" Friedman's p = {found.friedman_p:.2g}."
    note = (
        f"Over the {found.benchmarks} benchmarks that all methods share; 1 is best.{friedman} Average ranks closer "
        f"than the critical difference {found.critical_difference:.2f} (Nemenyi, 5 %) are not told apart. {ONCE}"
    )
    rows = tuple((method, f"{rank:.2f}") for method, rank in found.mean.items())
    return [Sheet("ranks", "Average ranks", note, ("method", "average rank"), rows)]


def _wins(table: pd.DataFrame) -> Sheet:
    counted = inference.wins(table)
    rows = tuple((a, *("·" if a == b else str(counted.loc[a, b]) for b in counted)) for a in counted.index)
    note = f"On how many benchmarks the row's mean error is below the column's. A tie is no win for either. {ONCE}"
    return Sheet("wins", "Wins", note, ("method", *counted.columns), rows)


def _paired(table: pd.DataFrame) -> Sheet:
    def p(value: float) -> str:
        return "–" if np.isnan(value) else f"{value:.3f}"

    rows = tuple(
        (row.a, row.b, str(row.benchmarks), f"{row.median_difference:.2f}", p(row.p), p(row.p_holm))
        for row in inference.compare(table).itertuples()
    )
    note = (
        "Wilcoxon's signed-rank test on the mean errors over the benchmarks that both have, corrected by Holm over all "
        "pairs. '–': fewer than two benchmarks differ. With 5 benchmarks or fewer no p can be below 0.05. "
        f"{ONCE}"
    )
    header = ("a", "b", "benchmarks", "median of a - b", "p", "p (Holm)")
    return Sheet("paired", "Paired comparison", note, header, rows, left=2)
