"""DARTS-Bench-Suite: on every benchmark, how good each method's cell gets under nine ways of training it."""

from __future__ import annotations

import pandas as pd

from harness.core.errors import HarnessError
from reports.records import OF_EVALUATION, Records, differing
from reports.statistics.scores import labelled
from reports.statistics.sheets import Sheet

RECIPE, RECIPES = "bench-suite", 9
AXES = ("lr", "weight_decay")
"""What the nine recipes differ in."""
HEADER = ("method", "seed", "recipes", "mean (%)", "std", "best (%)", "its lr", "its weight decay", "chosen")
NOTE = (
    "Test accuracy of the {epoch} epoch, of the cell trained from scratch under each recipe of learning rate and "
    "weight decay: mean, population standard deviation and best over the recipes. The best is chosen by test "
    "accuracy. Sorted by the mean. chosen: how the search was chosen among those of the method; '–' where no suite "
    "chose it."
)
RANKS = (
    "By the mean over recipes, 1 is best, of the methods with all {recipes} recipes. Last columns: how far the "
    "methods' means are apart, and how far on average the recipes of one cell are, in percent points from least to "
    "most."
)


def sheets(records: Records, epoch: str) -> list[Sheet]:
    """Raises HarnessError where nothing was trained under these recipes, or in ways that differ in more than them."""
    trained = _trained(records, epoch)
    found = []
    for benchmark, group in trained.groupby("benchmark"):
        rows = sorted((_row(own, records) for _, own in group.groupby("run")), key=lambda row: (-float(row[3]), row))
        note = NOTE.format(epoch=epoch)
        found.append(Sheet(str(benchmark).replace(" ", "-"), str(benchmark), note, HEADER, tuple(rows)))
    return [*found, *_ranks(trained)]


def _trained(records: Records, epoch: str) -> pd.DataFrame:
    """One row for each cell and recipe: benchmark, method, seed, run, lr, weight_decay, accuracy (percent). Of several
    trainings under one recipe the smallest seed's counts."""
    finished = records.finished
    found = records.evaluations[records.evaluations.run.isin(finished.run)]
    found = found[found.recipe == RECIPE]
    if found.empty:
        raise HarnessError(
            f"no cell was trained with the recipe {RECIPE}; `harness suite run bench-suite-proxy` makes a few."
        )
    runs = finished.assign(method=labelled(finished)).set_index("run").loc[found.run]
    for column in AXES:
        found = found.assign(**{column: [float(of[column]) for of in found.settings]})
    found = found.assign(
        benchmark=[f"{space} {dataset}" for space, dataset in zip(runs.space, found.dataset, strict=True)],
        method=runs.method.to_numpy(),
        search_seed=runs.seed.to_numpy(),
        accuracy=100 - found[f"test_error_{epoch}"].astype(float),
    )
    for benchmark, group in found.groupby("benchmark"):
        if others := [name for name in differing(group.settings) if name not in AXES]:
            raise HarnessError(
                f"the cells of {benchmark} were trained with settings that differ in {', '.join(others)}; choose one "
                f"with --where {OF_EVALUATION}{others[0]}=VALUE."
            )
    return found.sort_values("seed").drop_duplicates(["benchmark", "run", *AXES])


def _row(own: pd.DataFrame, records: Records) -> tuple[str, ...]:
    """Of one cell."""
    best = own.loc[own.accuracy.idxmax()]
    return (
        best.method,
        str(best.search_seed),
        f"{len(own)} of {RECIPES}",
        f"{own.accuracy.mean():.2f}",
        f"{own.accuracy.std(ddof=0):.2f}",
        f"{best.accuracy:.2f}",
        f"{best.lr:g}",
        f"{best.weight_decay:g}",
        records.chosen.get(best.run, "–"),
    )


def _ranks(trained: pd.DataFrame) -> list[Sheet]:
    """Which method is where on each benchmark; none where there is no choice of methods. Of several cells of a method
    that no suite chose from, the mean counts."""
    cells = trained.groupby(["benchmark", "method", "run"]).accuracy.agg(["mean", "min", "max", "count"]).reset_index()
    cells = cells[cells["count"] == RECIPES]
    cells = cells.assign(spread=cells["max"] - cells["min"])
    table = cells.pivot_table(index="benchmark", columns="method", values="mean")
    if table.shape[1] < 2:
        return []
    ranks = table.rank(axis=1, ascending=False, method="min")
    of_methods, of_recipes = table.max(axis=1) - table.min(axis=1), cells.groupby("benchmark").spread.mean()
    rows = tuple(
        (
            str(benchmark),
            *("–" if rank != rank else f"{rank:.0f}" for rank in ranks.loc[benchmark]),
            f"{of_methods[benchmark]:.2f}",
            f"{of_recipes[benchmark]:.2f}",
        )
        for benchmark in table.index
    )
    header = ("benchmark", *table.columns, "methods apart", "recipes apart")
    return [Sheet("bench-suite-ranks", "Ranks", RANKS.format(recipes=RECIPES), header, rows)]
