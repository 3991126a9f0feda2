"""Errors against costs: fronts and hypervolumes by hand, from run folders."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from run_folders import write_lookup, write_run, write_training

from reports.figures import draw
from reports.records import read
from reports.statistics.pareto import front, hypervolume, planes, sheet


def points(*pairs: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["cost", "error"])


def test_a_front_is_what_nothing_beats_in_both() -> None:
    found = front(points((3, 5), (1, 9), (2, 9), (4, 5), (5, 1), (3, 6), (1, 9)))
    assert found[["cost", "error"]].to_numpy().tolist() == [[1, 9], [3, 5], [5, 1]]


def test_a_hypervolume_by_hand() -> None:
    """Three rectangles up to (6, 10); a point beyond the reference adds nothing."""
    assert hypervolume(points((1, 9), (3, 5), (5, 1)), 6, 10) == 5 * 1 + 3 * 4 + 1 * 4
    assert hypervolume(points((7, 1)), 6, 10) == 0
    assert hypervolume(points(), 6, 10) == 0


def priced_run(results: Path, method: str, seed: int, error: float, macs: int, **costs: float) -> None:
    folder = write_run(results, method, seed=seed)
    write_training(folder, error, macs=macs)
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(result | ({"costs": costs} if costs else {})))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    priced_run(tmp_path, "zarts-mgs", 0, 4.0, 100_000_000, edgegpu_latency=2.0, flops=1.0)
    priced_run(tmp_path, "zarts-mgs", 1, 2.0, 300_000_000, edgegpu_latency=6.0, flops=3.0)
    priced_run(tmp_path, "rea", 0, 3.0, 300_000_000, edgegpu_latency=4.0)
    priced_run(tmp_path, "rea", 1, 6.0, 500_000_000)
    return tmp_path


def test_planes_have_every_cost_that_runs_have(results: Path) -> None:
    """MACs of all, of the network that was trained; of a cost that an objective has, those that have it. Parameters
    are the same in all of these, and make no plane."""
    by_macs, by_latency = sorted(planes(read(results).select()), key=lambda plane: -len(plane.points))
    assert (by_macs.cost, by_latency.cost) == ("multiply-accumulates (M)", "edgegpu_latency (ms)")
    assert by_macs.reference == (500, 6)
    assert by_macs.hypervolume("zarts-mgs") == pytest.approx((400 * 2 + 200 * 2) / (400 * 4))
    assert by_macs.hypervolume("rea") == pytest.approx(200 * 3 / (400 * 4))
    assert by_latency.reference == (6, 4)
    assert by_latency.hypervolume("rea") == pytest.approx(2 * 1 / (4 * 2))


def test_the_cost_is_that_of_the_network_that_was_trained(tmp_path: Path) -> None:
    """Those that the search's result has are of the final network, 20 cells and 36 channels, whatever was trained."""
    for seed, (parameters, error) in enumerate(((30_000, 60.0), (40_000, 50.0), (None, 40.0))):
        folder = write_run(tmp_path, seed=seed, parameters=2_000_000 + seed)
        write_training(folder, error, size="3x8", parameters=parameters, macs=None)
    (plane,) = planes(read(tmp_path).select())
    assert plane.cost == "parameters (M)"
    assert plane.points[["cost", "error"]].to_numpy().tolist() == [[0.03, 60.0], [0.04, 50.0]]


def test_the_cost_of_a_cell_that_was_looked_up_is_that_of_its_network(tmp_path: Path) -> None:
    for seed, accuracy in enumerate((90.0, 91.0)):
        folder = write_run(tmp_path, space="nasbench201", seed=seed, parameters=1_000_000 * (1 + seed))
        write_lookup(folder, {"cifar10": {"valid": 80.0, "test": accuracy}})
    (plane,) = planes(read(tmp_path).select())
    assert plane.points.cost.tolist() == [1.0, 2.0]


def test_the_table_states_its_reference_point(results: Path) -> None:
    (found,) = sheet(read(results).select())
    rows = {(row[1], row[2]): row[3:] for row in found.rows}
    assert rows["multiply-accumulates (M)", "zarts-mgs"] == (
        "2",
        "2",
        "4.00 at 100",
        "2.00 at 300",
        "0.750",
        "6.00 at 500",
    )
    assert sheet(read(results).where({"samples": "5"}).select()) == []


def test_the_figure_has_a_panel_for_each_cost_with_the_fronts(results: Path) -> None:
    (plot,) = (plot for plot in draw(read(results).select()) if plot.name == "pareto")
    assert [ax.get_xlabel() for ax in plot.figure.axes] == ["multiply-accumulates (M)", "edgegpu_latency (ms)"]
    steps = [line.get_xydata().tolist() for line in plot.figure.axes[0].lines]
    assert [[100, 4], [300, 2], [500, 2]] in steps
    assert plot.bytes("svg") == plot.bytes("svg")
