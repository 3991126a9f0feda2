"""Errors against costs: which cells no other cell beats in both, and how much of the plane a method's cells dominate.

Of a cell that was judged the parameters and multiply-accumulates are known, those of the network that was trained, and
whatever the objective of its search had a price on. Hypervolumes are shares of the box between the least cost and error
of all runs of a benchmark, and its reference point, their largest cost and error; a method that found one cell that is
best in both would have 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.records import Records
from reports.statistics.scores import scores
from reports.statistics.sheets import Sheet

COUNTED = {"macs": ("multiply-accumulates (M)", 1e6), "parameters": ("parameters (M)", 1e6)}
"""What is counted of a network: its name on paper, and what it is divided by."""
IN_PRICES = ("flops", "params")
"""The same, at the size of the search: left out here, where those of the network that was judged are."""
UNITS = {"latency": "ms", "energy": "mJ"}


@dataclass(frozen=True)
class Plane:
    """The runs of one benchmark, by one cost."""

    benchmark: str
    cost: str
    """With its unit."""
    points: pd.DataFrame
    """A row per run: method, seed, error (percent), cost."""

    @property
    def reference(self) -> tuple[float, float]:
        """(cost, error), both the largest of all runs."""
        return float(self.points.cost.max()), float(self.points.error.max())

    @property
    def ideal(self) -> tuple[float, float]:
        return float(self.points.cost.min()), float(self.points.error.min())

    def front(self, method: str) -> pd.DataFrame:
        """The method's points that none of its others beats or equals in both, from the cheapest on."""
        return front(self.points[self.points.method == method])

    def hypervolume(self, method: str) -> float:
        """The share of the box that the method's points dominate."""
        (cost, error), (least, best) = self.reference, self.ideal
        box = (cost - least) * (error - best)
        return hypervolume(self.front(method), cost, error) / box if box else float("nan")


def front(points: pd.DataFrame) -> pd.DataFrame:
    """The points (cost, error) that no other beats or equals in both, the cheapest first; of equals one."""
    ordered = points.sort_values(["cost", "error"])
    best = ordered.error.astype(float).cummin()
    return ordered[ordered.error < best.shift(fill_value=float("inf"))]


def hypervolume(points: pd.DataFrame, cost: float, error: float) -> float:
    """The area that a front dominates, up to a reference point."""
    area, above = 0.0, error
    for point in points.itertuples():
        if point.cost < cost and point.error < above:
            area += (cost - point.cost) * (above - point.error)
            above = point.error
    return area


def planes(records: Records, epoch: str = "last") -> list[Plane]:
    """One for each benchmark and each cost that at least two of its runs differ in. Methods are told apart by their
    names alone: the points of one are those of all its objectives."""
    scored = scores(records, epoch)
    if scored.empty:
        return []
    runs = records.runs.set_index("run")
    found = []
    for benchmark, group in scored.groupby("benchmark"):
        of = runs.loc[group.run]
        base = group.assign(method=of.method.to_numpy())
        for name, values in _costs(group, list(of.costs)).items():
            points = base.assign(cost=values)[["method", "seed", "error", "cost"]].dropna()
            if points.cost.nunique() > 1 and points.error.nunique() > 1:
                found.append(Plane(str(benchmark), name, points))
    return found


def _costs(scored: pd.DataFrame, priced: Sequence[Any]) -> dict[str, pd.Series]:
    """The costs of the scored cells, by name and unit, with those that the objectives of their searches had."""
    found = {words: scored[column] / unit for column, (words, unit) in COUNTED.items()}
    names = sorted({name for costs in priced if isinstance(costs, dict) for name in costs} - set(IN_PRICES))
    for name in names:
        unit = UNITS.get(name.rpartition("_")[2])
        of_runs = [costs.get(name) if isinstance(costs, dict) else None for costs in priced]
        found[f"{name} ({unit})" if unit else name] = pd.Series(of_runs, index=scored.index, dtype=float)
    return found


def sheet(records: Records, epoch: str = "last") -> list[Sheet]:
    """The table of fronts and hypervolumes; none where no two runs differ in error and cost."""
    rows = []
    for plane in planes(records, epoch):
        cost, error = plane.reference
        for method, points in plane.points.groupby("method"):
            own = plane.front(str(method))
            least = own.iloc[0]
            best = own.iloc[-1]
            rows.append(
                (
                    plane.benchmark,
                    plane.cost,
                    str(method),
                    str(len(points)),
                    str(len(own)),
                    f"{least.error:.2f} at {least.cost:.4g}",
                    f"{best.error:.2f} at {best.cost:.4g}",
                    f"{plane.hypervolume(str(method)):.3f}",
                    f"{error:.2f} at {cost:.4g}",
                )
            )
    note = (
        "Test error (%) of the cells that were found against what they cost: parameters and multiply-accumulates are "
        "those of the network that was trained, where its record has them. n: runs, whatever their objectives; front: "
        "those that no other of the method beats in both. Hypervolume: the share that the front dominates of the box "
        "between the reference point, the largest error and cost of all runs of the benchmark, and the least of both; "
        "it grows with the number of runs."
    )
    header = ("benchmark", "cost", "method", "n", "front", "cheapest", "best", "hypervolume", "reference")
    return [Sheet("pareto", "Errors against costs", note, header, tuple(rows), left=3)] if rows else []
