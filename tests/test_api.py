"""`import harness`: the work of the commands from Python, with names or objects, resumable, and short to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from processes import contents
from test_architecture import loads_no_torch

import harness
from harness.cli import main
from harness.core.errors import HarnessError
from methods import CATALOGUE
from spaces import SPACES

TINY = {"images": 32, "batch": 8, "valid_batch": 8, "channels": 2, "cells": 3, "warmup": 0}
BUDGET = harness.Budget(epochs=2)


@pytest.fixture(scope="module", autouse=True)
def deterministic_again() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(before)


def search(method: Any = "darts-1st", space: Any = "s1", dataset: Any = "digits", **more: Any) -> Any:
    return harness.search(method, space, dataset, budget=BUDGET, seed=3, settings=TINY, device="cpu", **more)


@pytest.fixture(scope="module")
def found() -> Any:
    return search()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> harness.Run:
    results = tmp_path_factory.mktemp("results")
    settings = {"images": 32, "batch": 8, "nesterov": True}
    return harness.run("darts-1st", "s1", "digits", protocol="smoke", settings=settings, results=results, device="cpu")


def same(a: Any, b: Any) -> bool:
    """Whether two searches found the same bits."""
    return (a.genotype, a.alpha, a.settings) == (b.genotype, b.alpha, b.settings) and [
        record["valid_loss"] for record in a.records
    ] == [record["valid_loss"] for record in b.records]


def texts(folder: Path) -> dict[str, bytes]:
    """Every file below, without its time of change."""
    return {name: content for name, (_, content) in contents(folder).items()}


def test_importing_it_loads_no_torch_and_everything_is_documented() -> None:
    loads_no_torch(
        "import harness\nassert 'methods' in dir(harness)\nharness.methods, harness.spaces, harness.datasets"
    )
    for name in ("run", "search", "evaluate", "load", "Run"):
        assert getattr(harness, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'serach'"):
        harness.serach  # noqa: B018
    for package in ("harness", "methods", "spaces", "reports"):
        assert (files(package) / "py.typed").is_file()


def test_what_there_is_is_a_mapping_that_shows_itself() -> None:
    assert list(harness.methods) == list(CATALOGUE)
    assert harness.spaces["s1"] is SPACES["s1"]
    assert len(harness.datasets["digits"].train) == 1437
    for listing in (harness.methods, harness.spaces, harness.datasets):
        assert len(repr(listing).splitlines()) == len(listing)
        assert listing._repr_html_().count("<tr>") == len(listing)
    with pytest.raises(HarnessError, match="unknown method 'zarts-msg'; did you mean 'zarts-mgs'"):
        harness.methods["zarts-msg"]


def test_names_and_objects_are_the_same_search(found: Any) -> None:
    told: list[Any] = []
    objects = CATALOGUE["darts-1st"], harness.spaces["s1"], harness.datasets["digits"]
    assert same(search(*objects, callback=told.append), found)
    assert [record["epoch"] for record in told] == [0, 1]
    assert same(search(harness.methods["darts-1st"]), found)


def test_a_folder_makes_a_search_resumable(found: Any, tmp_path: Path) -> None:
    told: list[Any] = []

    def stop(record: Any) -> None:
        raise RuntimeError("the power is cut")

    with pytest.raises(RuntimeError):
        search(folder=tmp_path, callback=stop, checkpoint_seconds=0.0)
    assert not harness.load(tmp_path).is_done
    assert "not done" in repr(harness.load(tmp_path))
    assert same(search(folder=tmp_path, callback=told.append), found)
    assert [record["epoch"] for record in told] == [0, 1]
    reopened = harness.load(tmp_path)
    assert reopened.genotype == found.genotype
    assert list(reopened.records["epoch"]) == [0, 1]
    before = texts(tmp_path)
    assert same(search(folder=tmp_path), found)
    assert texts(tmp_path) == before
    with pytest.raises(HarnessError, match="describes another run"):
        search("darts-2nd", folder=tmp_path)


def test_a_space_that_nobody_registered_is_searched_in_a_folder(tmp_path: Path) -> None:
    mine = replace(SPACES["s1"], name="mine", summary="of my own")
    search(space=mine, folder=tmp_path)
    assert harness.load(tmp_path).result["space"] == "mine"


def test_a_run_is_that_of_the_command(run: harness.Run) -> None:
    options = ["--method=darts-1st", "--space=s1", "--dataset=digits", "--protocol=smoke", "--device=cpu", "--json"]
    settings = ["--set=images=32", "--set=batch=8", "--set=nesterov=true", f"--results={run.folder.parents[1]}"]
    printed = json.loads(CliRunner().invoke(main, ["run", *options, *settings]).stdout)
    assert (printed["was_done"], printed["folder"]) == (True, str(run.folder))
    assert harness.load(str(run.folder)) == run
    assert run.result["notation"] == str(run.genotype)
    assert run.records["cost.seconds"].is_monotonic_increasing


def test_what_was_found_can_be_evaluated(run: harness.Run, found: Any, tmp_path: Path) -> None:
    quick: dict[str, Any] = {"settings": {"images": 32, "batch": 8}, "epochs": 1, "device": "cpu", "protocol": "smoke"}
    evaluated = run.evaluate(**quick)
    assert evaluated.file.parent == run.folder
    assert harness.evaluate(run.folder, **quick).was_done
    for target in (found, found.genotype, str(found.genotype)):
        evaluated = harness.evaluate(target, dataset="digits", results=tmp_path, **quick)
        assert evaluated.evaluation["notation"] == str(found.genotype)
    assert len(list(tmp_path.rglob("evaluation-*.json"))) == 1


def test_results_are_short_and_drawn(run: harness.Run, found: Any) -> None:
    data = harness.datasets["digits"]
    shown = [run, found, data, harness.spaces["darts"], harness.methods["zarts-mgs"]]
    assert [text for text in map(repr, shown) if len(text) > 600] == []
    assert repr(data) == "<data set digits: 1,437 images of 8x8, 10 classes>"
    assert repr(harness.spaces["s1"]).startswith("<space s1: ")
    assert repr(run).startswith("Run(darts-1st on s1 with digits, seed 0, ")
    for item in shown:
        assert item._repr_html_().startswith("<div><strong>")
    for item in (run, found):
        assert item._repr_html_().count("<svg style='max-width: 100%; height: auto'") == 1
        assert "<?xml" not in item._repr_html_()


def test_what_cannot_be_opened_is_said_in_a_sentence(run: harness.Run, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"has no spec\.json: it is no run folder"):
        harness.load(tmp_path)
    for text, message in (("{", "spec.json"), ('{"spec": {}}', "not a run")):
        (tmp_path / "spec.json").write_text(text)
        with pytest.raises(HarnessError, match=message):
            harness.load(tmp_path)
    (tmp_path / "spec.json").write_text((run.folder / "spec.json").read_text())
    with pytest.raises(HarnessError, match="its run is not done"):
        _ = harness.load(tmp_path).genotype
    (tmp_path / "records.jsonl").write_text("{")
    with pytest.raises(HarnessError, match="it is damaged"):
        _ = harness.load(tmp_path).records


def test_a_run_has_its_trained_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    run = harness.run("darts-1st", "s2", "digits", protocol="smoke")
    with pytest.raises(HarnessError):
        run.network()
    run.evaluate()
    network = harness.load(run.folder).network()
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 10)
    assert not network.training
