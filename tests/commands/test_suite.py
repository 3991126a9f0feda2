"""`harness suite` as users meet it: what it prints, and what it refuses before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from processes import forked, harness

from harness.cli import main
from harness.suite import definition
from harness.suite.definition import SearchCell
from harness.suite.planning import Planner

SUITE = """
summary = "two searches and what follows"
protocol = "smoke"
[[search]]
method = ["darts-1st"]
space = ["s1"]
dataset = ["digits"]
seed = [0, 1]
[[evaluate]]
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory, with a cache of its own, that holds a suite."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "mine.toml").write_text(SUITE)
    return tmp_path


def suite(*arguments):
    result = CliRunner().invoke(main, ["suite", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_every_shipped_suite_is_listed():
    assert list(json.loads(suite("list", "--json").stdout)) == definition.available()
    assert "Table 2" in suite("list").stdout


def test_the_status_of_what_has_not_begun(here):
    found = json.loads(suite("status", "mine.toml", "--json").stdout)
    assert found["totals"] == {"queued": 2, "waiting": 2}
    assert {cell["kind"] for cell in found["cells"]} == {"search", "evaluation"}
    assert suite("status", "mine.toml").stdout.endswith("4 cells: 2 queued, 2 waiting\n")
    assert not (here / "results").exists()


def test_a_plan_without_prices_says_so_and_changes_nothing(here):
    said = suite("plan", "mine.toml", "--no-calibration", "--device=cpu").stdout
    assert "4 cells, 0 done" in said
    assert "not estimated: darts-1st on s1 with digits and 1 more: it has not been measured" in said
    assert not (here / "results").exists()


def version_two(here):
    (here / "results" / "smoke").mkdir(parents=True)
    (here / "results" / "smoke" / "protocol.toml").write_text("version = 2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "tabel2"], "unknown suite 'tabel2'; did you mean 'table2'?"),
        (["run", "absent.toml"], "suite file absent.toml cannot be read: No such file"),
        (["run", "mine.toml", "--protocol=prox"], "unknown protocol 'prox'"),
        (["status", "mine.toml", "--watch", "--json"], "--watch keeps on the screen what --json prints once; give one"),
        pytest.param(
            ["run", "mine.toml", "--device=cuda"],
            "device 'cuda' is not here: PyTorch sees no CUDA device.",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here"),
        ),
        (["run", "mine.toml", "--results=mine.toml"], "the folder mine.toml/smoke cannot be made: Not a directory;"),
        (["run", "mine.toml", "--address=10.0.0.1:6379"], "--address 10.0.0.1:6379 is of a Ray cluster; give"),
        (["run", "mine.toml", "--option=a=1"], "--option a=1 is for Slurm; give --executor slurm with it, or leave it"),
        (["run", "mine.toml", "--executor=slurm"], "there is no Slurm here: sbatch is not found."),
        (["run", "mine.toml", "--executor=slurm", "--option=cluster=local", "--option=x=1"], "submitit refuses"),
        (["run", "mine.toml", "--executor=ray", "--address=127.0.0.1:9"], "no Ray cluster answers at 127.0.0.1:9"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_mistake_is_one_sentence_before_anything_starts(arguments, message, here):
    ended = forked(harness(["suite", *arguments]))
    assert ended.code == 2, ended.err
    assert ended.err.startswith("harness: ")
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (here / "results" / "smoke").exists()


def test_a_method_that_does_not_apply_to_its_space_is_named(here):
    (here / "mine.toml").write_text(SUITE.replace('"darts-1st"', '"mergezarts"').replace('["s1"]', '["darts", "s2"]'))
    refused = suite("run", "mine.toml")
    assert refused.exit_code == 2
    assert "harness: nothing is begun. mergezarts on s2 with digits: " in refused.stderr


@pytest.mark.parametrize("command", ["plan", "run"])
def test_results_of_another_version_of_the_protocol_are_refused(command, here):
    version_two(here)
    refused = suite(command, "mine.toml")
    assert refused.exit_code == 2
    assert "holds runs of another version of protocol 'smoke'" in refused.stderr


def test_what_other_code_has_done_is_not_taken_for_done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    search = 'method = ["darts-1st"]\nspace = ["s2"]\ndataset = ["digits"]\nseed = [0]\n'
    Path("one.toml").write_text(f'summary = "one"\nprotocol = "smoke"\n[[search]]\n{search}')
    command = ["suite", "run", "one.toml", "--workers=1", "--device=cpu"]
    alone = ["run", "--method=darts-1st", "--space=s2", "--dataset=digits", "--protocol=smoke", "--device=cpu"]
    assert forked(harness(alone)).code == 0
    assert "1 done" in forked(harness(["suite", "status", "one.toml"])).out
    (spec,) = Path("results/smoke").glob("darts-1st-*/spec.json")
    made = json.loads(spec.read_text())
    made["code"]["methods/rules/adam.py"] = "another"
    spec.write_text(json.dumps(made))
    assert "1 outdated" in forked(harness(["suite", "status", "one.toml"])).out
    refused = forked(harness(command))
    assert refused.code == 2
    assert "was made by other code: methods/rules/adam.py changed since. Give --again" in refused.err
    again = forked(harness([*command, "--again"]))
    assert again.code == 0, again.err
    assert "1 done" in again.out
    assert len(list(Path("results/smoke/.replaced").glob("1/darts-1st-*"))) == 1


@pytest.mark.parametrize("options", [[], ["--again"]], ids=["", "again"])
def test_what_this_code_has_done_stays_whatever_the_cache_says(options, here):
    (here / "mine.toml").write_text(SUITE.replace("[[evaluate]]", "").replace("[0, 1]", "[0]"))
    (cell,) = json.loads(suite("status", "mine.toml", "--json").stdout)["cells"]
    code = Planner().search(SearchCell("darts-1st", "s1", "digits", 0, "smoke", ())).code
    folder = here / "results" / cell["cell"]
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"spec": {}, "code": code}))
    (folder / "result.json").write_text('{"genotype": {}}')
    (kept,) = here.glob("cache/harness/suites/*.json")
    (place,) = json.loads(kept.read_text())
    kept.write_text(json.dumps([{**place, "code": "of another time"}]))
    suite("run", "mine.toml", "--device=cpu", *options)
    assert (folder / "result.json").exists()
    assert not list(here.rglob(".replaced"))


def test_a_damaged_spec_is_a_failure_of_its_cell_alone(here):
    (here / "mine.toml").write_text(SUITE.replace("[[evaluate]]", ""))
    cells = json.loads(suite("status", "mine.toml", "--json").stdout)["cells"]
    for cell in cells:
        folder = here / "results" / cell["cell"]
        folder.mkdir(parents=True)
        (folder / "result.json").write_text('{"genotype": {}}')
    (folder / "spec.json").write_text("{")
    said = suite("status", "mine.toml").stdout
    assert "spec.json cannot be read: Expecting property name" in said
    assert "; give --again to do it anew, which keeps the old folder." in said
    assert "log:" not in said
    for options in ([], ["--keep"]):
        ended = suite("run", "mine.toml", "--device=cpu", *options)
        assert ended.exit_code == 1
        assert ended.stdout == "2 cells: 1 done, 1 failed\n"


@pytest.mark.parametrize("options", [["--again"], ["--again", "--keep"]], ids=["", "keep"])
def test_a_cell_with_a_damaged_spec_is_done_anew(options, here, monkeypatch):
    (here / "mine.toml").write_text(SUITE.replace("[[evaluate]]", "").replace("[0, 1]", "[0]"))
    (cell,) = json.loads(suite("status", "mine.toml", "--json").stdout)["cells"]
    folder = here / "results" / cell["cell"]
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text("{")
    (folder / "result.json").write_text("{}")
    monkeypatch.setattr("harness.suite.driver.Driver.run", lambda driver: None)
    ended = suite("run", "mine.toml", "--device=cpu", *options)
    assert ended.stdout == "1 cells: 1 queued\n"
    assert (folder.parent / ".replaced" / "1" / folder.name / "result.json").exists()


PLUGIN = """
from dataclasses import replace
from methods.catalogue import CATALOGUE
METHODS = {"mine": replace(CATALOGUE["darts-1st"], summary="of a plugin")}
"""


def test_a_suite_brings_its_plugins_to_the_workers(here):
    (here / "parts").mkdir()
    (here / "parts" / "mine.py").write_text(PLUGIN)
    searched = SUITE.replace('"darts-1st"', '"mine"').replace("[0, 1]", "[0]").replace("[[evaluate]]", "")
    quick = "set = { images = 32, batch = 8, epochs = 1 }"
    (here / "mine.toml").write_text(f'plugins = ["parts/mine.py"]\n{searched}{quick}')
    ended = forked(harness(["suite", "run", "mine.toml", "--device=cpu", "--workers=1"]))
    assert ended.code == 0, ended.err + ended.out
    assert "1 cells: 1 done" in ended.out
    (here / "parts" / "mine.py").unlink()
    ended = forked(harness(["suite", "status", "mine.toml"]))
    assert ended.code == 2
    assert "plugin parts/mine.py is not there" in ended.err
