"""The searches with their evaluations that a cell is measured by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports.records import OF_EVALUATION, Records, differing
from reports.statistics.scores import short
from reports.tables.layouts import (
    PAPER_VALUES,
)


class Trials:
    """The searches with their evaluations that a cell is measured by."""

    def __init__(self, records: Records, epoch: str) -> None:
        self.epoch = epoch
        self.protocol = None if records.runs.empty else str(records.runs.protocol.iloc[0])
        self.finished = records.finished
        self.groups = dict(list(self.finished.groupby(["method", "space", "dataset"])))
        evaluations = records.evaluations.assign(target=records.evaluations.dataset.map(short))
        self.evaluations, self.rows = evaluations, evaluations.groupby("run").indices
        self._known: dict[tuple[Any, ...], pd.DataFrame | str] = {}

    def of(self, *key: Any) -> pd.DataFrame | str:
        """One row per run, in order of seeds, or why there is none. See `_find`."""
        if key not in self._known:
            self._known[key] = self._find(*key)
        return self._known[key]

    def _find(
        self,
        method: str,
        space: str,
        searched: str,
        target: str,
        size: str | None,
        settings: tuple[tuple[str, str], ...],
    ) -> pd.DataFrame | str:
        runs = self.groups.get((method, space, searched))
        if runs is None:
            return ""
        runs = runs[runs.settings.map(lambda of: all(str(of.get(name)) == value for name, value in settings))]
        if runs.configuration.nunique() > 1:
            usual = {name: value for name, value in PAPER_VALUES.items() if name not in dict(settings)}
            as_paper = runs.apply(_has, axis=1, values=usual)
            runs = runs[as_paper] if as_paper.any() else runs
        if runs.configuration.nunique() > 1:
            return (
                f"{runs.configuration.nunique()} configurations of {method} that differ in "
                f"{', '.join(_differing(runs))}; choose one with --where"
            )
        if runs.empty:
            return ""
        trained = [self._trainings(run, target, size) for run in runs.run]
        if names := differing(of for found in trained for of in found.settings):
            return (
                f"its cells were trained with settings that differ in {', '.join(names)}; choose one with "
                f"--where {OF_EVALUATION}{names[0]}=VALUE"
            )
        rows = [self._trial(run, target, size) for run in runs.sort_values("seed").to_dict("records")]
        return pd.DataFrame(rows)

    def _evaluations(self, run: str) -> pd.DataFrame:
        return self.evaluations.iloc[self.rows.get(run, [])]

    def _trainings(self, run: str, target: str, size: str | None) -> pd.DataFrame:
        """Of a run's cell on this data, those at this size if there are such, else all if they are of one size."""
        found = self._evaluations(run)
        trained = found[(found.target == target) & (found.kind == "training")]
        at_size = trained[trained["size"] == size] if size in set(trained["size"]) else trained
        return at_size if at_size["size"].nunique() == 1 else at_size.head(0)

    def _trial(self, run: Mapping[str, Any], target: str, size: str | None) -> dict[str, Any]:
        trial = {
            "run": run["run"],
            "params_M": run["parameters"] / 1e6,
            "flops_M": run["macs"] / 1e6,
            "search_cost_gpu_days": run["seconds"] / 86400,
            "search_memory_GB": run["peak_memory"] / 1e9,
            "device": run["device"],
            "size": None,
            **dict.fromkeys(("test_error_pct", "top1_error_pct", "valid_accuracy_pct", "test_accuracy_pct"), math.nan),
        }
        found = self._evaluations(run["run"])
        found = found[found.target == target]
        for lookup in found[found.kind == "lookup"].to_dict("records")[:1]:
            trial |= {f"{split}_accuracy_pct": lookup[f"{split}_accuracy"] for split in ("valid", "test")}
        if len(trained := self._trainings(run["run"], target, size)):
            first = trained.sort_values("seed").iloc[0]  # of several trainings of a cell, the smallest seed's
            error = first[f"test_error_{self.epoch}"]
            trial |= {"size": first["size"], "test_error_pct": error, "top1_error_pct": error}
            trial |= {"params_M": first.parameters / 1e6, "flops_M": first.macs / 1e6}
        return trial


def _has(run: pd.Series, values: Mapping[str, Any]) -> bool:
    """Whether the settings that this run has, of those named, have these values."""
    return all({**run.settings, "epochs": run.epochs}.get(name, value) == value for name, value in values.items())


def _differing(runs: pd.DataFrame) -> list[str]:
    """The settings in which configurations differ."""
    return differing(runs.drop_duplicates("configuration").settings) or ["data or budget"]
