"""The report of DARTS-Bench-Suite, from run folders made by hand."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from run_folders import write_run, write_selection, write_training

from harness.core.errors import HarnessError
from reports import REPORTS
from reports.records import read
from reports.statistics.bench_suite import sheets

RATES, DECAYS = (0.025, 0.1, 0.01), (1e-4, 3e-4, 1e-3)


def write_cell(results: Path, method: str, space: str, first: float, seed: int = 0, recipes: int = 9) -> Path:
    """A run, and trainings whose errors begin with the first and rise by one from recipe to recipe."""
    run = write_run(results, method, space, seed=seed)
    for number, (lr, decay) in enumerate(list(product(RATES, DECAYS))[:recipes]):
        settings = {"lr": lr, "weight_decay": decay, "epochs": 300}
        write_training(run, first + number, size="4x18", settings=settings, recipe="bench-suite")
    return run


def test_mean_and_best_over_the_recipes_of_the_chosen_search(tmp_path: Path) -> None:
    chosen = write_cell(tmp_path, "darts-1st", "bench-wide", 10.0)
    write_selection(chosen, write_run(tmp_path, "darts-1st", "bench-wide", seed=1), among="seed")
    write_cell(tmp_path, "oles", "bench-wide", 9.5)
    other = write_cell(tmp_path, "oles", "bench-deep", 20.0, recipes=7)
    write_training(other, 1.0, size="4x18", settings={"lr": 0.5, "weight_decay": 0.5, "epochs": 2})  # another recipe
    write_cell(tmp_path, "darts-1st", "bench-deep", 25.0)
    deep, wide, ranks = sheets(read(tmp_path).select(), "last")
    assert wide.title == "bench-wide cifar10"
    assert wide.rows == (
        ("oles", "0", "9 of 9", "86.50", "2.58", "90.50", "0.025", "0.0001", "–"),
        ("darts-1st", "0", "9 of 9", "86.00", "2.58", "90.00", "0.025", "0.0001", "the lowest number, among 2"),
    )
    assert [row[:4] for row in deep.rows] == [("oles", "0", "7 of 9", "77.00"), ("darts-1st", "0", "9 of 9", "71.00")]
    assert ranks.header == ("benchmark", "darts-1st", "oles", "methods apart", "recipes apart")
    assert ranks.rows == (
        ("bench-deep cifar10", "1", "–", "0.00", "8.00"),
        ("bench-wide cifar10", "2", "1", "0.50", "8.00"),
    )
    best = sheets(read(tmp_path).select(), "best")[1]
    assert best.rows[0][3] == "86.60"
    for form, file in {"md": "bench-suite.md", "tex": "bench-suite.tex", "html": "bench-suite.html"}.items():
        assert b"86.50" in REPORTS["bench-suite"].files(read(tmp_path).select(), form, "last")[file]
    assert len(REPORTS["bench-suite"].files(read(tmp_path).select(), "csv", "last")) == 3


def test_cells_of_unfinished_runs_do_not_count(tmp_path: Path) -> None:
    (write_cell(tmp_path, "oles", "bench-wide", 10.0) / "result.json").unlink()
    with pytest.raises(HarnessError, match="no cell was trained with the recipe bench-suite"):
        sheets(read(tmp_path).select(), "last")
    write_cell(tmp_path, "darts-1st", "bench-wide", 10.0)
    (wide,) = sheets(read(tmp_path).select(), "last")
    assert [row[0] for row in wide.rows] == ["darts-1st"]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path, "oles", "bench-wide")
    with pytest.raises(HarnessError, match="no cell was trained with the recipe bench-suite"):
        sheets(read(tmp_path).select(), "last")
    for epochs in (2, 300):
        settings = {"lr": 0.1, "weight_decay": 1e-4, "epochs": epochs}
        write_training(run, 5.0, settings=settings, recipe="bench-suite")
    with pytest.raises(
        HarnessError, match="bench-wide cifar10 were trained with settings that differ in epochs; choose"
    ):
        sheets(read(tmp_path).select(), "last")
    assert len(sheets(read(tmp_path).select().where({"evaluation.epochs": "2"}), "last")) == 1
