"""Runs on a table: many seeds in one command, kills, and what is refused."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
from processes import Child, contents, end, forked, harness, run_folder
from toy_table import toy_table, write_toy_table

from harness.core.types import Budget
from harness.runs.folder import RunFolder, locked, owner
from harness.runs.protocol import load
from harness.runs.runner import Request, plan
from harness.runs.together import Ahead

ON_TABLE = ("run", "--space", "nasbench201-table", "--dataset", "cifar10")
METHODS = ("zarts-mgs", "rea", "reinforce", "bohb")
SHORT = {"zarts-cma": "updates=2", "rea": "simulated_seconds=1e9"}
LONG = {"zarts-mgs": ("--epochs", "4", "--set", "updates=50"), "default": ("--epochs", "150")}


@pytest.fixture(scope="module", autouse=True)
def table(tmp_path_factory):
    """A toy table in a cache of its own."""
    cache = tmp_path_factory.mktemp("cache")
    write_toy_table(cache / "nasbench201.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(cache))
        yield cache


def run(results: Path, method: str, *more: str):
    return forked(harness([*ON_TABLE, "--method", method, "--results", str(results), *more]))


def test_many_seeds_are_one_run_each_and_resumed_alike(tmp_path):
    first = run(tmp_path, "rea", "--seed", "0-2", "--epochs", "15")
    assert first.code == 0, first.err
    assert "epoch 15 of 15" in first.err.splitlines()[-1]
    before = contents(tmp_path)
    folders = sorted(path.parent for path in tmp_path.glob("*/*/result.json"))
    assert [folder.name.split("-s")[1][0] for folder in folders] == ["0", "1", "2"]
    results = [json.loads((folder / "result.json").read_text()) for folder in folders]
    mean = fmean(result["table"]["cifar100"]["test"] for result in results)
    assert f"cifar100 test         {mean:.2f} ± " in first.out
    again = run(tmp_path, "rea", "--seed", "0-2", "--epochs", "15", "--json")
    assert contents(tmp_path) == before
    runs = [json.loads(line) for line in again.out.splitlines()]
    assert [item["was_done"] for item in runs] == [True] * 3
    assert [item["folder"] for item in runs] == list(map(str, folders))
    single = run(tmp_path, "rea", "--seed", "1", "--epochs", "15")
    assert "was done before" in single.out
    assert "by the table  cifar10: valid " in single.out


def test_a_result_says_what_the_table_says(tmp_path):
    assert run(tmp_path, "zarts-gld", "--epochs", "2", "--set", "updates=20").code == 0
    result = json.loads((run_folder(tmp_path) / "result.json").read_text())
    table = toy_table()
    assert result["table"]["imagenet16-120"] == {
        split: table.accuracy(result["notation"], "imagenet16-120", split, 200, "mean") for split in ("valid", "test")
    }
    assert set(result["how"]) >= {"genotype", "valid_loss", "table"}
    spec = json.loads((run_folder(tmp_path) / "spec.json").read_text())
    assert spec["environments"][0]["data"] == table.digest
    assert spec["spec"]["budget"] == {"epochs": 2, "seconds": None}


@pytest.mark.parametrize(("method", "counted"), [("zarts-cma", 42), ("rea", 0)])
def test_a_run_ends_with_its_evaluations(method, counted, tmp_path):
    """Three updates of 14 candidates each; 45 trials."""
    ended = run(tmp_path, method, "--evaluations", "45", "--epochs", "100", "--set", SHORT[method])
    assert ended.code == 0, ended.err
    assert "evaluations used up" in ended.out
    folder = run_folder(tmp_path)
    result = json.loads((folder / "result.json").read_text())
    cost = result["cost"]
    assert (result["stopped_by"], cost["loss_evaluations"]) == ("evaluations", counted)
    assert cost["evaluations"] == (0 if counted else 45)
    assert json.loads((folder / "spec.json").read_text())["spec"]["budget"]["evaluations"] == 45


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_ends_with_the_same_bits(method, tmp_path):
    options = LONG.get(method, LONG["default"])
    assert run(tmp_path / "straight", method, *options).code == 0
    arguments = [*ON_TABLE, "--method", method, "--results", str(tmp_path / "killed"), "--checkpoint-seconds", "0"]
    child = Child(harness([*arguments, *options]))
    child.wait_for(lambda: any((tmp_path / "killed").glob("*/*/checkpoint.previous.pt")))
    child.send(signal.SIGKILL)
    assert child.wait().code == -signal.SIGKILL
    ended = run(tmp_path / "killed", method, *options)
    assert "resumed from step " in ended.out
    assert end(run_folder(tmp_path / "killed")) == end(run_folder(tmp_path / "straight"))


def ends(results: Path) -> dict[str, object]:
    return {path.parent.name: end(path.parent) for path in results.glob("*/*/result.json")}


def test_runs_that_go_together_end_with_the_bits_of_those_alone(tmp_path):
    """Stopped on the way, and resumed together with one that had not begun."""
    method, options = "zarts-mgs", ("--epochs", "4", "--set", "updates=10")
    for seed in "12":
        assert run(tmp_path / "alone", method, *options, "--seed", seed).code == 0
    together = [*ON_TABLE, "--method", method, *options, "--results", str(tmp_path / "together")]
    child = Child(harness([*together, "--seed", "0-1", "--checkpoint-seconds", "0"]))
    child.wait_for(lambda: len([*(tmp_path / "together").glob("*/*/checkpoint.previous.pt")]) == 2)
    child.send(signal.SIGTERM)
    assert child.wait().code == 130
    ended = run(tmp_path / "together", method, *options, "--seed", "0-2")
    assert ended.code == 0, ended.err
    assert "epoch 4 of 4" in ended.err.splitlines()[-1]
    alone, together = (ends(tmp_path / name) for name in ("alone", "together"))
    assert (len(alone), len(together)) == (2, 3)
    assert alone.items() <= together.items()


def test_a_damaged_result_is_the_failure_of_its_own_run(tmp_path):
    options = ("--epochs", "2", "--set", "updates=5")
    assert run(tmp_path, "zarts-rs", *options, "--seed", "2").code == 0
    (damaged,) = tmp_path.glob("*/*/result.json")
    damaged.write_text(damaged.read_text()[:-100])
    ended = run(tmp_path, "zarts-rs", *options, "--seed", "0-3")
    assert ended.code == 2
    assert len(list(tmp_path.glob("*/*/result.json"))) == 4
    assert "others went on: zarts-rs-nasbench201-table-cifar10-s2" in ended.err


def test_what_a_table_has_not(tmp_path, monkeypatch):
    ended = forked(harness([*ON_TABLE[:-1], "digits", "--method", "rea", "--results", str(tmp_path / "r")]))
    assert ended.code == 2
    assert "unknown data set of NAS-Bench-201's table 'digits'; known: cifar10, cifar100, imagenet16-120." in ended.err
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "empty"))
    ended = run(tmp_path / "r", "rea")
    assert ended.code == 2
    assert "there is no NAS-Bench-201 table at " in ended.err
    assert "make it with `harness data import nasbench201 FILE`" in ended.err
    assert not (tmp_path / "r").exists()


def test_folders_are_held_until_their_turn(tmp_path):
    """For whoever else looks for work; what cannot be had is left out, and says so in its turn."""
    proxy = load("proxy")
    plans = [
        plan(Request("zarts-rs", ON_TABLE[2], "cifar10", proxy, Budget(1), seed=seed, results=tmp_path))
        for seed in range(4)
    ]
    with locked(plans[2].folder, wait=False), Ahead(plans, pytest.fail) as ahead:
        assert ahead.end(0) is not None
        assert [owner(each.folder) is not None for each in plans] == [False, True, True, True]
        assert [ahead.end(place) is not None for place in (1, 2)] == [True, False]
        assert owner(plans[3].folder) is not None
    assert [owner(each.folder) for each in plans] == [None] * 4


def finished_at_a_signal(call: Callable[[], object]) -> Callable[[], object]:
    """The call, told to stop as the first run writes its result."""

    def instead() -> None:
        finish = RunFolder.finish

        def told(folder: RunFolder, result: object) -> None:
            signal.raise_signal(signal.SIGTERM)
            finish(folder, result)

        RunFolder.finish = told
        call()

    return instead


@pytest.mark.parametrize("method", ["zarts-rs", "rea"])
def test_a_stop_between_two_runs_is_heeded(tmp_path, method):
    """What has gone together is saved; what goes alone has not begun."""
    options = ("--seed", "0-2", "--epochs", "2")
    straight = [*ON_TABLE, "--method", method, "--results", str(tmp_path), *options]
    stopped = forked(finished_at_a_signal(harness(straight)))
    assert (stopped.code, "stopped after 1 of 3 runs" in stopped.err) == (130, True)
    assert len(ends(tmp_path)) == 1
    assert len(list(tmp_path.glob("*/*/checkpoint.pt"))) == (3 if method == "zarts-rs" else 1)
    assert forked(harness(straight)).code == 0
    assert len(ends(tmp_path)) == 3


def test_what_is_done_anew_goes_on_after_a_stop(tmp_path):
    command = harness([*ON_TABLE, "--method", "zarts-rs", "--results", str(tmp_path), "--epochs", "3", "--seed", "0,1"])
    assert forked(command).code == 0
    before = ends(tmp_path)
    anew = harness([*command.args[0], "--again"])
    assert forked(finished_at_a_signal(anew)).code == 130
    assert len(list(tmp_path.glob("*/.replaced/*/*"))) == 2
    (saved,) = (path for path in tmp_path.glob("*/*/checkpoint.pt") if not (path.parent / "result.json").exists())
    ended = forked(anew)
    assert ended.code == 0, ended.err
    assert len(list(tmp_path.glob(f"*/.replaced/*/{saved.parent.name}"))) == 1  # what was saved is not thrown away
    assert ends(tmp_path) == before


def test_what_goes_together_is_set_aside_to_be_done_anew(tmp_path):
    options = ("--seed", "0-1", "--epochs", "1", "--set", "updates=5")
    assert run(tmp_path, "zarts-rs", *options).code == 0
    before = ends(tmp_path)
    assert run(tmp_path, "zarts-rs", *options, "--again").code == 0
    assert ends(tmp_path) == before
    kept = sorted(path.name for path in tmp_path.glob("*/.replaced/*/*"))
    assert kept == sorted(before)
    assert len(list(tmp_path.glob("*/.replaced/*/*/result.json"))) == 2
