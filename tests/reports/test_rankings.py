"""How trainings rank cells: tau by hand, and which trainings are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from run_folders import notation, write_run, write_training
from scipy.stats import kendalltau

from harness.cli import main
from reports import figures
from reports.figures import draw
from reports.records import Records, read
from reports.statistics import rankings
from reports.statistics.boards import boards
from reports.statistics.rankings import rank_correlation, sheet
from reports.statistics.sheets import sheets

LONG = [50.0, 51.0, 52.0, 53.0, 54.0]


def write(results: Path, errors: Mapping[tuple[int, int], Sequence[float]]) -> Records:
    """Five cells, each with the errors that belong to its place after so many epochs with that seed."""
    for place in range(5):
        cell = notation(place)
        run = write_run(results, "random-search", "darts", seed=place, cell=cell)
        for (epochs, seed), of in errors.items():
            write_training(run, of[place], cell=cell, seed=seed, settings={"epochs": epochs, "lr": 0.1})
    return read(results).select()


def rows(records: Records) -> list[tuple[str, ...]]:
    """Without what they are of, and without the intervals."""
    return [row[1:5] for one in sheet(records) for row in one.rows]


def test_two_budgets_by_hand(tmp_path: Path) -> None:
    """Of 10 pairs 2 are turned around: (8 - 2) / 10."""
    records = write(tmp_path, {(10, 0): LONG, (2, 0): [62.0, 61.0, 63.0, 65.0, 64.0]})
    (only,) = sheet(records)
    assert only.title == "How trainings rank cells"
    assert [row[:5] for row in only.rows] == [("darts, cifar10", "epochs=2", "epochs=10", "5", "0.60")]


def test_every_pair_has_a_panel_with_a_dot_for_each_cell(tmp_path: Path) -> None:
    short = [62.0, 61.0, 63.0, 65.0, 64.0]
    (plot,) = draw(write(tmp_path, {(10, 0): LONG, (2, 0): short}), of=[figures.rankings.draw])
    (panel,) = plot.figure.axes
    (dots,) = panel.collections
    assert dots.get_offsets().tolist() == [list(pair) for pair in zip(short, LONG, strict=True)]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("epochs=2", "epochs=10")
    assert panel.get_title().startswith("tau 0.60 (")


def test_many_pairs_are_told_of(tmp_path: Path) -> None:
    records = write(tmp_path, {(epochs, 0): LONG for epochs in range(2, 8)})
    (plot,) = draw(records, of=[figures.rankings.draw])
    assert len(plot.figure.axes) == 9
    assert plot.caption.endswith("9 of 15 pairs are drawn, the first.")


def test_ties_by_hand() -> None:
    """Of 10 pairs one is equal in a, the others are in order: 9 / sqrt(9 * 10)."""
    found = rank_correlation(np.array([1.0, 1.0, 2.0, 3.0, 4.0]), np.array(LONG))
    assert found is not None
    assert found.value == pytest.approx(9 / 90**0.5)


def test_seeds_are_averaged_between_budgets_and_compared_one_by_one(tmp_path: Path) -> None:
    """The means of the short training are 52, 52, 52, 52, 51.5: of 10 pairs 4 differ, all turned around."""
    records = write(tmp_path, {(2, 0): LONG, (2, 1): [54.0, 53.0, 52.0, 51.0, 49.0], (10, 0): LONG})
    assert rows(records) == [
        ("epochs=2, mean of 2 seeds", "epochs=10", "5", "-0.63"),  # -4 / sqrt(4 * 10)
        ("epochs=2, seed 0", "epochs=2, seed 1", "5", "-1.00"),
        ("epochs=2, seed 0", "epochs=10, seed 0", "5", "1.00"),
        ("epochs=2, seed 1", "epochs=10, seed 0", "5", "-1.00"),
    ]


def test_seeds_of_the_only_configuration_have_no_other_name(tmp_path: Path) -> None:
    assert rows(write(tmp_path, {(2, 0): LONG, (2, 1): LONG})) == [("seed 0", "seed 1", "5", "1.00")]


def test_the_interval_is_that_of_scipy_s_tau_of_resampled_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rankings, "RESAMPLES", 200)
    draws = np.random.default_rng(3)
    a, b = draws.integers(5, size=(2, 9)).astype(float)
    found = rank_correlation(a, b)
    picks = np.random.default_rng(rankings.SEED).integers(9, size=(200, 9))
    low, high = np.nanpercentile([kendalltau(a[pick], b[pick]).statistic for pick in picks], [2.5, 97.5])
    assert found is not None
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))


def test_equal_errors_rank_nothing(tmp_path: Path) -> None:
    (only,) = sheet(write(tmp_path, {(2, 0): [60.0] * 5, (10, 0): LONG}))
    assert only.rows[0][3:] == ("5", "–", "–")


def test_four_cells_or_one_way_to_train_are_no_ranking(tmp_path: Path) -> None:
    assert sheet(write(tmp_path / "one", {(2, 0): LONG})) == []
    assert sheet(Records()) == []
    records = write(tmp_path / "four", {(2, 0): LONG, (10, 0): LONG})
    assert sheet(Records(records.runs, records.epochs, records.evaluations[2:])) == []


def test_a_cell_that_two_searches_found_counts_once(tmp_path: Path) -> None:
    write(tmp_path, {(2, 0): LONG, (10, 0): LONG})
    again = write_run(tmp_path, "darts-1st", "darts", seed=9, cell=notation(4))
    write_training(again, 10.0, cell=notation(4), settings={"epochs": 2, "lr": 0.1})
    assert rows(read(tmp_path).select()) == [("epochs=2", "epochs=10", "5", "0.20")]  # the mean is 32, the least of all


def test_more_seeds_of_a_training_count_no_search_twice(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {(2, 0): LONG, (10, 0): LONG})
    around = {(e, seed): [error + 2 * seed - 1 for error in LONG] for e in (2, 10) for seed in (0, 1)}
    more = write(tmp_path / "more", around)
    assert sheets(more) == sheets(one)
    for a, b in zip(boards(more), boards(one), strict=True):
        assert a.scores.equals(b.scores)
        assert len(a.scores) == 5


def test_it_stands_in_every_form_of_the_statistics(tmp_path: Path) -> None:
    write(tmp_path / "results", {(2, 0): LONG, (10, 0): LONG})
    for form, file in (
        ("md", "statistics.md"),
        ("html", "statistics.html"),
        ("tex", "statistics.tex"),
        ("csv", "statistics-rankings.csv"),
    ):
        command = ["report", "statistics", "--results", str(tmp_path / "results"), "--format", form, "--out"]
        done = CliRunner().invoke(main, [*command, str(tmp_path / form)])
        assert done.exit_code == 0, done.output
        text = (tmp_path / form / file).read_text()
        assert ("epochs=10" if form == "csv" else "How trainings rank cells") in text
