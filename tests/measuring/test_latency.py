"""Measuring latencies: a table that an objective can use, and tables that are refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.core.errors import HarnessError
from harness.measuring import latency
from harness.measuring.latency import Bench, Settings, timed
from harness.tables import costs
from harness.tables.costs import CostTable, EdgeCosts
from methods.pricing.price import Network, Price
from spaces import SPACES

SPACE = SPACES["nasbench201"]
SMALL = replace(SPACE.macro(), channels=2, cells=2)


def test_a_network_is_the_sum_of_what_was_timed() -> None:
    """With made times: every place counts, in each of the 2 cells of the 3 stages."""
    bench = Bench(SPACE, SMALL, 4, 8, "cpu", 1)
    kinds = {key[1] for key in bench.tasks if isinstance(key, tuple)}
    assert sorted((p.channels, p.size) for p in kinds) == [(2, 8), (4, 4), (8, 2)]
    times = {key: 100.0 if key == "around" else 1.0 for key in bench.tasks}
    times |= {key: 0.25 for key in bench.tasks if isinstance(key, tuple) and key[0] == "none"}
    found = bench.table(times, Settings()).costs["latency"]
    assert found.around == 100
    for operations in found.edges.values():
        assert operations == {name: 1.5 if name == "none" else 6.0 for name in operations}


def test_times_are_medians_of_rounds_in_which_each_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    waits = {"quick": [1, 1, 9], "slow": [5, 5, 5]}
    monkeypatch.setattr(latency, "_once", lambda task, device: (turns.append(task()), waits[turns[-1]].pop(0))[1] / 1e3)
    ticks: list[int] = []
    settings = Settings(warmup=0, repeats=3)
    found = timed(
        {name: lambda name=name: name for name in waits}, settings, "cpu", lambda done, all: ticks.append(done)
    )
    assert found == {"quick": pytest.approx(1), "slow": pytest.approx(5)}
    assert [sorted(turns[i : i + 2]) for i in (0, 2, 4)] == [["quick", "slow"]] * 3
    assert ticks == [2, 4, 6]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    return tmp_path


def test_the_command_measures_what_an_objective_then_costs(cache: Path) -> None:
    options = ["--set", "channels=2", "--set", "cells=1", "--image-size", "8", "--repeats", "2", "--threads", "1"]
    said = CliRunner().invoke(main, ["measure", "latency", "--space", "nasbench201-table", "--device", "cpu", *options])
    assert said.exit_code == 0, said.output
    assert "nor_conv_3x3: " in said.output
    assert "whole networks, measured: " in said.output
    table = costs.read(costs.cached("nasbench201"))
    assert (table.network or {})["channels"] == 2
    assert {"torch", "device", "threads", "batch", "repeats", "networks"} <= set(table.measured or {})
    price = Price("valid_loss + latency/1k")
    price.check(SPACE)
    priced = price.priced(Network(SPACE, replace(SPACE.macro(), channels=2, cells=1), "digits", 4, 8))
    assert priced.of(SPACE.decode([3] * 6))["latency"] > priced.costs["latency"].bounds[0] > 0


def test_what_does_not_fit_is_refused_before_it_is_measured(cache: Path) -> None:
    for options, words in (
        (["--space", "nasbench202"], "unknown space 'nasbench202'"),
        (["--space", "nasbench201", "--image-size", "30"], "image_size=30 does not divide by 4"),
        (["--space", "nasbench201", "--set", "channel=3"], "unknown setting 'channel'; did you mean 'channels'"),
        (["--space", "nasbench201", "--device", "tpu"], "device 'tpu' is not known"),
    ):
        said = CliRunner().invoke(main, ["measure", "latency", *options])
        assert (said.exit_code, words in said.stderr) == (2, True), said.output
    assert not list(cache.rglob("*.json"))


def test_an_interrupted_measurement_leaves_what_was_there(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = costs.cached("nasbench201")
    CostTable("nasbench201", None, {"latency": EdgeCosts(1.0, {})}).save(path)
    before = path.read_bytes()

    def interrupted(*_: Any) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(latency, "_once", interrupted)
    options = ["--set", "channels=2", "--set", "cells=1", "--image-size", "8"]
    assert CliRunner().invoke(main, ["measure", "latency", "--space", "nasbench201", *options]).exit_code != 0
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def written(path: Path, **changes: Any) -> Path:
    edges = [
        {"cell": "cell", "source": e.source, "target": e.target, "operations": dict.fromkeys(e.operations, 1.0)}
        for e in SPACE.edges
    ]
    cost = {"unit": "ms", "around": 2.0, "edges": edges} | changes.pop("latency", {})
    path.write_text(json.dumps({"format": 1, "space": "nasbench201", "costs": {"latency": cost}} | changes))
    return path


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = costs.read(written(tmp_path / "a.json"))
    table.save(tmp_path / "b.json")
    assert costs.read(tmp_path / "b.json") == table
    assert table.costs["latency"].edges["cell", 1, 2]["none"] == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"latency": {"around": -1.0}}, "latency around the cells is -1; a cost is a finite number, 0 or more"),
        ({"latency": {"around": math.inf}}, "latency around the cells is inf"),
        ({"latency": {"unit": "s"}}, "latency is in 's', and must be in ms"),
        (
            {"latency": {"edges": [{"cell": "cell", "source": 0, "target": 1, "operations": {"none": -0.5}}]}},
            "latency of none on the edge from 0 to 1 of the cell cell is -0.5",
        ),
        ({"latency": {"edges": [{"cell": "cell", "source": 0}]}}, "has no 'target'"),
        ({"costs": {"speed": {"unit": "ms", "around": 1.0, "edges": []}}}, "'speed' is no name of a cost"),
        ({"costs": {}, "format": 9}, "has the format 9, and this version reads 1"),
        ({"costs": []}, "and must be an object"),
    ],
)
def test_a_table_that_is_wrong_costs_one_sentence(changes: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=said) as caught:
        costs.read(written(tmp_path / "table.json", **changes))
    assert "\n" not in str(caught.value)


def test_no_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"there is no table of costs .*; `harness measure latency"):
        costs.read(tmp_path / "table.json")
