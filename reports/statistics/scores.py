"""What the cells that methods found reach: one row per evaluated run and benchmark."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from reports.records import Records, differing
from reports.statistics import truth

LOOK_UP = "look-up"
SIZES = ("parameters", "macs")
AVERAGED = "The error of a cell that was trained with several seeds is the mean of these trainings."
ONCE = (
    "A search counts on one benchmark: where its cell was judged on the data that it searched on, else on the first "
    "others; of several ways to judge, in that of most methods."
)


def labelled(runs: pd.DataFrame) -> pd.Series:
    """What each run's method is called: its name, and the settings in which configurations of it differ where it was
    run with several on one space and data set."""
    labels = runs.method.astype(str).copy()
    for (method, *_), group in runs.groupby(["method", "space", "dataset"]):
        if group.configuration.nunique() > 1:
            differing = _differing(group)
            labels[group.index] = [
                f"{method} ({', '.join(f'{name}={value}' for name, value in settings)})"
                for settings in ([(n, decided(run).get(n)) for n in differing] for run in group.itertuples())
            ]
    return labels


def _differing(runs: pd.DataFrame) -> list[str]:
    return differing(map(decided, runs.drop_duplicates("configuration").itertuples()))


def decided(run: Any) -> dict[str, Any]:
    """Settings and budget."""
    return {**run.settings, **run.spec["budget"]}


def scores(records: Records, epoch: str = "last") -> pd.DataFrame:
    """One row per evaluated run and benchmark: method, benchmark, seed, run, error (percent), regret (points), whether
    the data are those of the search (`searched`), whether it is the evaluation by which the search `counts` on a
    benchmark, seconds, device, and the parameters and macs of the network that was judged, where they are known.

    A benchmark is a space, a data set and how the cell was judged: trained at a size, with the settings in which such
    trainings differ, or looked up, where the error is 100 less the test accuracy. Of several trainings of a cell it is
    their mean. Regret is above the least error that is known there: of the table, else of these runs.
    """
    finished, found = records.finished, records.evaluations
    columns = [
        "method",
        "benchmark",
        "seed",
        "run",
        "error",
        "regret",
        "searched",
        "counts",
        "seconds",
        "device",
        *SIZES,
    ]
    if finished.empty or found.empty:
        return pd.DataFrame(columns=columns)
    runs = finished.assign(method=labelled(finished)).set_index("run")
    found = judged(found[found.run.isin(runs.index)], epoch)
    of = runs.loc[found.run]
    searched = [short(a) == short(b) for a, b in zip(of.dataset, found.dataset, strict=True)]
    benchmark = [
        f"{space} {dataset}{'' if same else f' (searched on {on})'}, {how}"
        for space, dataset, same, on, how in zip(of.space, found.dataset, searched, of.dataset, found.how, strict=True)
    ]
    scored = pd.DataFrame(
        {
            "method": of.method.to_numpy(),
            "benchmark": benchmark,
            "seed": of.seed.to_numpy(),
            "run": found.run.to_numpy(),
            "error": found.error.to_numpy(),
            "searched": searched,
            "seconds": of.seconds.to_numpy(),
            "device": of.device.to_numpy(),
            **{
                name: np.where(found.kind == "lookup", of[name].astype(float), found[name].astype(float))
                for name in SIZES
            },
        }
    )
    rows = list(zip(of.space, found.dataset, found.how, strict=True))
    least_known = {row: _least_known(*row) for row in set(rows)}
    known = [least_known[row] for row in rows]
    least = pd.Series(known, dtype=float).fillna(scored.groupby("benchmark").error.transform("min"))
    scored = scored.assign(regret=scored.error - least, counts=_counts(scored))[columns]
    return scored.sort_values(["benchmark", "method", "seed"], ignore_index=True)


def _counts(scored: pd.DataFrame) -> pd.Series:
    """Which rows are one for each run: several of one cell would be taken for as many independent observations."""
    of = scored.groupby("benchmark")
    ordered = scored.assign(methods=of.method.transform("nunique"), runs=of.run.transform("size")).sort_values(
        ["searched", "methods", "runs", "benchmark"], ascending=[False, False, False, True]
    )
    return ~ordered.run.duplicated()


def _least_known(space: str, dataset: str, how: str) -> float | None:
    """The test error (percent) of the best cell of a table."""
    best = truth.best(space, dataset) if how == LOOK_UP else None
    return None if best is None else 100 - best["test"]


def cells_on_the_way(records: Records, epoch: str = "last") -> pd.DataFrame:
    """One row per cell that a run had at any time and that was evaluated on the data of the search: run, genotype (its
    notation), how it was judged, as in `scores`, and accuracy (test, percent)."""
    found = pd.concat([frame for frame in (records.evaluations, records.earlier) if len(frame)] or [records.earlier])
    columns = ["run", "genotype", "how", "accuracy"]
    if found.empty:
        return pd.DataFrame(columns=columns)
    searched_on = records.runs.set_index("run").dataset.loc[found.run].map(short).to_numpy()
    found = judged(found[found.dataset.map(short).to_numpy() == searched_on], epoch)
    return found.assign(genotype=found.notation, accuracy=100 - found.error)[columns]


def judged(found: pd.DataFrame, epoch: str) -> pd.DataFrame:
    """Evaluations with their error (percent) and `how` the cell was judged; of several trainings one row, with the mean
    of their errors."""
    looked_up = found.kind == "lookup"
    found = found.assign(
        error=np.where(looked_up, 100 - found.test_accuracy.astype(float), found[f"test_error_{epoch}"].astype(float)),
        how=np.where(looked_up, LOOK_UP, found["size"].astype(str)),
    )
    for _, group in found[~looked_up].groupby(["dataset", "how"]):
        if names := differing(group.settings):
            found.loc[group.index, "how"] = [
                f"{how} ({', '.join(f'{name}={of.get(name)}' for name in names)})"
                for how, of in zip(group.how, group.settings, strict=True)
            ]
    cell = ["run", "notation", "dataset", "how"]
    found = found[found.error.notna()].sort_values("seed")
    return found.assign(error=found.groupby(cell, dropna=False).error.transform("mean")).drop_duplicates(cell)


@cache
def short(dataset: str) -> str:
    """ "CIFAR-10" and "cifar10" are the same."""
    return "".join(character for character in dataset.lower() if character.isalnum())


def means(scored: pd.DataFrame) -> pd.DataFrame:
    """Mean errors, a row per benchmark on which searches count and a column per method."""
    return scored[scored.counts].pivot_table(index="benchmark", columns="method", values="error", aggfunc="mean")
