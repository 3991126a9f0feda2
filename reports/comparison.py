"""Methods compared by what their cells reach: intervals, ranks, wins, paired tests, and how many seeds are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from reports import statistics
from reports.records import Records, differing


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


def labelled(runs: pd.DataFrame) -> pd.Series:
    """What each run's method is called: its name, and the settings in which configurations of it differ where it was
    run with several on one space and data set."""
    labels = runs.method.astype(str).copy()
    for (method, *_), group in runs.groupby(["method", "space", "dataset"]):
        if group.configuration.nunique() > 1:
            differing = _differing(group)
            labels[group.index] = [
                f"{method} ({', '.join(f'{name}={value}' for name, value in settings)})"
                for settings in (
                    [(n, {**run.settings, "epochs": run.epochs}.get(n)) for n in differing]
                    for run in group.itertuples()
                )
            ]
    return labels


def _differing(runs: pd.DataFrame) -> list[str]:
    of_runs = runs.drop_duplicates("configuration")
    return differing({**s, "epochs": e} for s, e in zip(of_runs.settings, of_runs.epochs, strict=True))


def scores(records: Records, epoch: str = "last") -> pd.DataFrame:
    """One row per evaluated run and benchmark: method, benchmark, seed, run, error (percent), seconds, device.

    A benchmark is a space, a data set and how the cell was judged: trained at a size, with the settings in which such
    trainings differ, or looked up, where the error is 100 less the test accuracy. Of several trainings of one cell the
    smallest seed's counts.
    """
    finished, found = records.finished, records.evaluations
    columns = ["method", "benchmark", "seed", "run", "error", "seconds", "device"]
    if finished.empty or found.empty:
        return pd.DataFrame(columns=columns)
    runs = finished.assign(method=labelled(finished)).set_index("run")
    found = _judged(found[found.run.isin(runs.index)], epoch)
    of = runs.loc[found.run]
    searched = [
        "" if short(a) == short(b) else f" (searched on {a})" for a, b in zip(of.dataset, found.dataset, strict=True)
    ]
    benchmark = [
        f"{space} {dataset}{on}, {how}"
        for space, dataset, on, how in zip(of.space, found.dataset, searched, found.how, strict=True)
    ]
    return pd.DataFrame(
        {
            "method": of.method.to_numpy(),
            "benchmark": benchmark,
            "seed": of.seed.to_numpy(),
            "run": found.run.to_numpy(),
            "error": found.error.to_numpy(),
            "seconds": of.seconds.to_numpy(),
            "device": of.device.to_numpy(),
        }
    )[columns].sort_values(["benchmark", "method", "seed"], ignore_index=True)


def cells_on_the_way(records: Records, epoch: str = "last") -> pd.DataFrame:
    """One row per cell that a run had at any time and that was evaluated on the data of the search: run, genotype (its
    notation), how it was judged, as in `scores`, and accuracy (test, percent)."""
    found = pd.concat([frame for frame in (records.evaluations, records.earlier) if len(frame)] or [records.earlier])
    columns = ["run", "genotype", "how", "accuracy"]
    if found.empty:
        return pd.DataFrame(columns=columns)
    searched_on = records.runs.set_index("run").dataset.loc[found.run].map(short).to_numpy()
    found = _judged(found[found.dataset.map(short).to_numpy() == searched_on], epoch)
    return found.assign(genotype=found.notation, accuracy=100 - found.error)[columns]


def _judged(found: pd.DataFrame, epoch: str) -> pd.DataFrame:
    """Evaluations with their error (percent) and `how` the cell was judged; of several trainings that of the smallest
    seed."""
    looked_up = found.kind == "lookup"
    found = found.assign(
        error=np.where(looked_up, 100 - found.test_accuracy.astype(float), found[f"test_error_{epoch}"].astype(float)),
        how=np.where(looked_up, "look-up", found["size"].astype(str)),
    )
    for _, group in found[~looked_up].groupby(["dataset", "how"]):
        if names := differing(group.settings):
            found.loc[group.index, "how"] = [
                f"{how} ({', '.join(f'{name}={of.get(name)}' for name in names)})"
                for how, of in zip(group.how, group.settings, strict=True)
            ]
    return found[found.error.notna()].sort_values("seed").drop_duplicates(["run", "notation", "dataset", "how"])


def short(dataset: str) -> str:
    """ "CIFAR-10" and "cifar10" are the same."""
    return "".join(character for character in dataset.lower() if character.isalnum())


def means(scored: pd.DataFrame) -> pd.DataFrame:
    """Mean errors, a row per benchmark and a column per method."""
    return scored.pivot_table(index="benchmark", columns="method", values="error", aggfunc="mean")


def sheets(records: Records, epoch: str = "last") -> list[Sheet]:
    """All statistics; none where no run is evaluated."""
    scored = scores(records, epoch)
    if scored.empty:
        return []
    table = means(scored)
    found = [_results(scored), _seeds(scored)]
    if table.shape[1] > 1:
        found += [*_ranks(table), _wins(table), _paired(table)]
    return found


def _results(scored: pd.DataFrame) -> Sheet:
    rows = []
    for (benchmark, method), group in scored.groupby(["benchmark", "method"]):
        values = group.error.to_list()
        spread, interval = statistics.population_std(values), statistics.bootstrap_mean(values)
        days = ", ".join(
            f"{part.seconds.mean() / 86400:.2g} {'CPU' if device == 'CPU' else 'GPU'}-days"
            + ("" if device == "CPU" else f" ({device})")
            for device, part in group.groupby("device")
        )
        rows.append(
            (
                benchmark,
                method,
                str(len(values)),
                f"{np.mean(values):.2f}",
                "–" if spread is None else f"{spread:.2f}",
                "one seed" if interval is None else f"{interval.low:.2f} to {interval.high:.2f}",
                f"{min(values):.2f}",
                days,
            )
        )
    note = (
        "Test error (%) of the cells that were found. std: of the population. Interval: 95 %, bootstrap of the mean "
        "(BCa, 9,999 resamples); few seeds make it too narrow. Cost: mean per search."
    )
    header = ("benchmark", "method", "n", "mean", "std", "95 % interval", "best", "cost")
    return Sheet("results", "Test errors", note, header, tuple(rows), left=2)


def _seeds(scored: pd.DataFrame) -> Sheet:
    """Neighbours in the order of means on each benchmark."""
    rows = []
    for benchmark, group in scored.groupby("benchmark"):
        of = {method: part.error.to_list() for method, part in group.groupby("method")}
        order = sorted(of, key=lambda method: (np.mean(of[method]), method))
        for a, b in pairwise(order):
            needed = statistics.seeds_to_separate(of[a], of[b])
            have = min(len(of[a]), len(of[b]))
            said = _needed(needed, have, of[a], of[b])
            rows.append((str(benchmark), a, b, f"{np.mean(of[b]) - np.mean(of[a]):.2f}", str(have), said))
    note = (
        "How many seeds each of two neighbours needs for a two-sided t-test at 5 % to find their difference with a "
        "power of 80 %, if means and pooled spread stay as measured."
    )
    header = ("benchmark", "better", "worse", "difference", "seeds", "seeds needed")
    return Sheet("seeds", "Seeds that would separate neighbours", note, header, tuple(rows), left=3)


def _needed(needed: int | None, have: int, a: Sequence[float], b: Sequence[float]) -> str:
    if have < 2:
        return "unknown: one seed has no spread"
    if needed is None:
        return "no difference" if np.mean(a) == np.mean(b) else f"more than {statistics.MOST_SEEDS:,}"
    return f"{needed} (enough)" if needed <= have else f"{needed} ({needed - have} more)"


def _ranks(table: pd.DataFrame) -> list[Sheet]:
    found = statistics.ranks(table)
    if found is None:
        return []
    friedman = "" if np.isnan(found.friedman_p) else f" Friedman's p = {found.friedman_p:.2g}."
    note = (
        f"Over the {found.benchmarks} benchmarks that all methods share; 1 is best.{friedman} Average ranks closer "
        f"than the critical difference {found.critical_difference:.2f} (Nemenyi, 5 %) are not told apart."
    )
    rows = tuple((method, f"{rank:.2f}") for method, rank in found.mean.items())
    return [Sheet("ranks", "Average ranks", note, ("method", "average rank"), rows)]


def _wins(table: pd.DataFrame) -> Sheet:
    counted = statistics.wins(table)
    rows = tuple((a, *("·" if a == b else str(counted.loc[a, b]) for b in counted)) for a in counted.index)
    note = "On how many benchmarks the row's mean error is below the column's. A tie is no win for either."
    return Sheet("wins", "Wins", note, ("method", *counted.columns), rows)


def _paired(table: pd.DataFrame) -> Sheet:
    def p(value: float) -> str:
        return "–" if np.isnan(value) else f"{value:.3f}"

    rows = tuple(
        (row.a, row.b, str(row.benchmarks), f"{row.median_difference:.2f}", p(row.p), p(row.p_holm))
        for row in statistics.compare(table).itertuples()
    )
    note = (
        "Wilcoxon's signed-rank test on the mean errors over the benchmarks that both have, corrected by Holm over all "
        "pairs. '–': fewer than two benchmarks differ. With 5 benchmarks or fewer no p can be below 0.05."
    )
    header = ("a", "b", "benchmarks", "median of a - b", "p", "p (Holm)")
    return Sheet("paired", "Paired comparison", note, header, rows, left=2)
