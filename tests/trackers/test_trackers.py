"""Trackers: what is written can be read back, once, and no tracker changes or stops a run."""

from __future__ import annotations

import json
import os
import struct
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
from processes import TINY, contents, die, end, forked, harness, run_arguments, run_folder
from toy_table import write_toy_table

from harness import trackers
from harness.runs.folder import RunFolder
from harness.trackers import TRACKERS, Entry, tracking
from harness.trackers.tracker import Tracker
from harness.trackers.tracking import Tracking, numbers, settings

EPOCHS = 3
SEARCH = ("--epochs", str(EPOCHS), *TINY[2:])
"""Three epochs of two steps."""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty working directory, no key, and records that are sent as they come."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr(tracking, "EVERY", 0.0)
    return tmp_path


def run(results, *more):
    return forked(harness(run_arguments(results, *SEARCH, *more)))


@pytest.fixture(scope="module")
def untracked(tmp_path_factory):
    """The folder of a run that no tracker follows."""
    results = tmp_path_factory.mktemp("untracked")
    assert run(results).code == 0
    return run_folder(results)


def installed(name):
    if find_spec(TRACKERS[name].package) is None:
        pytest.skip(f"{name} is an extra, and not installed")


# What each tracker holds of a run: {scalar: [(step, value)]}, the steps with drawings, and its settings.


def read_tensorboard(folder, name):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    events = EventAccumulator(str(folder / "tensorboard"), {"images": 0})
    events.Reload()
    scalars = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    begun = HParamsPluginData.FromString(events.PluginTagToContent("hparams")["_hparams_/session_start_info"])
    kinds = {key: value.WhichOneof("kind") for key, value in begun.session_start_info.hparams.items()}
    known = {key: getattr(begun.session_start_info.hparams[key], kind) for key, kind in kinds.items()}
    return scalars, [image.step for image in events.Images("cell")], known


def wandb_records(path):
    """The messages of a file of W&B's, which are kept as LevelDB keeps its log."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield Record.FromString(whole)
            whole = b""


def read_wandb(folder, name):
    scalars, drawn, known = {}, [], {}
    for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")):
        for record in wandb_records(path):
            if record.WhichOneof("record_type") == "run":
                assert record.run.run_id == name
                known |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            if record.WhichOneof("record_type") == "history":
                values = {"/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
                step = values["_step"]
                for key in [key for key in values if not key.startswith(("_", "cell/"))]:
                    scalars.setdefault(key, []).append((step, values[key]))
                drawn += [step] if "cell/path" in values else []
    return scalars, drawn, known


def read_mlflow(folder, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient

        client = MlflowClient()
        experiment = client.get_experiment_by_name("harness").experiment_id
        (found,) = client.search_runs([experiment])
        assert (found.info.run_name, found.info.status) == (name, "FINISHED")
        history = {key: client.get_metric_history(found.info.run_id, key) for key in found.data.metrics}
        drawings = client.list_artifacts(found.info.run_id, "cells")
    drawn = [int(Path(item.path).stem.removeprefix("cell-")) for item in drawings]
    known = {"seed": int(found.data.params["seed"]), **{k: v for k, v in found.data.params.items() if k != "seed"}}
    return {key: [(m.step, m.value) for m in found] for key, found in history.items()}, drawn, known


READERS = {"tensorboard": read_tensorboard, "wandb": read_wandb, "mlflow": read_mlflow}


@pytest.mark.parametrize("name", TRACKERS)
def test_what_a_killed_and_resumed_run_tells_is_read_back_once(name, here, untracked, monkeypatch):
    installed(name)
    saved, save = [], RunFolder.save

    def save_until_ended(folder, state):
        if len(saved) == 3:  # the last step of the second epoch, whose record the tracker has and no checkpoint
            time.sleep(0.5)  # W&B writes what it was given within a tenth of a second, in a process of its own
            die()
        saved.append(save(folder, state))

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "save", save_until_ended)
        assert run(here, "--track", name).code not in (0, 2)
    resumed = run(here, "--track", name)
    assert resumed.code == 0
    assert "tracker" not in resumed.err
    assert "resumed from step" in resumed.out
    folder = run_folder(here)
    assert end(folder) == end(untracked)
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    assert len(records) == EPOCHS
    scalars, drawn, known = READERS[name](folder, folder.name)
    assert set(numbers(records[0])) <= set(scalars)
    for key in ("train_loss", "valid_accuracy", "operations/cell/skip", "cost/weight_steps"):
        told = [(step, numbers(record)[key]) for step, record in enumerate(records)]
        assert [step for step, _ in scalars[key]] == [step for step, _ in told]
        assert [value for _, value in scalars[key]] == pytest.approx([value for _, value in told])
    cells = [record["genotype"] for record in records]
    changed = [step for step in range(EPOCHS) if step == 0 or cells[step] != cells[step - 1]]
    assert drawn == [*changed, EPOCHS]
    assert (known["method"], known["seed"]) == ("darts-1st", 0)
    assert float(known["training.batch"]) == 8


def test_tensorboard_strikes_out_what_was_told_and_not_noted(here, monkeypatch):
    installed("tensorboard")
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "write_json", lambda path, value: die())
        assert run(here, "--track", "tensorboard").code < 0
    assert run(here, "--track", "tensorboard").code == 0
    scalars, _, _ = read_tensorboard(run_folder(here), "")
    assert [step for step, _ in scalars["train_loss"]] == list(range(EPOCHS))


def test_a_run_that_is_tracked_from_its_middle_on_is_told_whole(here, monkeypatch):
    installed("tensorboard")
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_records", lambda folder, records: len(records) == 2 and die())
        assert run(here).code < 0
    assert run(here, "--track", "tensorboard").code == 0
    scalars, _, _ = read_tensorboard(run_folder(here), "")
    assert [step for step, _ in scalars["train_loss"]] == list(range(EPOCHS))


def test_an_evaluation_is_tracked(here):
    installed("tensorboard")
    options = ("--dataset=digits", "--protocol=smoke", "--set=images=32", "--set=batch=8", "--track=tensorboard")
    ended = forked(harness(["evaluate", "DARTS_V2", *options]))
    assert ended.code == 0
    (spec,) = here.rglob("spec.json")
    records = [json.loads(line) for line in (spec.parent / "records.jsonl").read_text().splitlines()]
    scalars, drawn, known = read_tensorboard(spec.parent, "")
    assert scalars["test_error"] == [(n, pytest.approx(record["test_error"])) for n, record in enumerate(records)]
    assert drawn == [len(records)]
    assert known["recipe"] == "cifar"
    assert known["genotype"].startswith("Genotype(normal=")


def test_a_look_up_is_tracked(here, monkeypatch):
    installed("tensorboard")
    write_toy_table(here / "nasbench201.parquet")
    monkeypatch.setenv("HARNESS_CACHE", str(here))
    cell = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"
    ended = forked(harness(["evaluate", cell, "--json", "--track", "tensorboard"]))
    found = json.loads(ended.out)
    scalars, drawn, _ = read_tensorboard(Path(found["file"]).parent, "")
    assert scalars["accuracies/cifar10/test"] == [(0, pytest.approx(found["accuracies"]["cifar10"]["test"]))]
    assert drawn == [1]


# Failures


class Broken(Tracker):
    """Raises whatever it is told, from the method `fails_in` on."""

    fails_in = "begin"
    error: BaseException = RuntimeError("no route to the server\nwith details")

    def _do(self, method):
        if method == self.fails_in:
            raise self.error

    def begin(self, name, settings, first):
        self._do("begin")

    def figure(self, step, path):
        self._do("figure")

    def scalars(self, step, values):
        self._do("scalars")

    def end(self):
        self._do("end")


NO_ROUTE = RuntimeError("no route\nto the server")


@pytest.mark.parametrize(
    ("method", "error"),
    [("begin", NO_ROUTE), ("figure", NO_ROUTE), ("scalars", NO_ROUTE), ("scalars", SystemExit(3)), ("end", NO_ROUTE)],
    ids=["begin", "figure", "scalars", "scalars-exit", "end"],
)
def test_a_tracker_that_fails_is_named_once_and_changes_nothing(method, error, here, untracked, monkeypatch):
    monkeypatch.setitem(TRACKERS, "broken", Entry("Broken", "json"))
    monkeypatch.setattr(tracking, "make", lambda name, folder: Broken(folder))
    monkeypatch.setattr(Broken, "fails_in", method)
    monkeypatch.setattr(Broken, "error", error)
    ended = run(here, "--track", "broken", "--quiet")
    assert ended.code == 0
    assert end(run_folder(here)) == end(untracked)
    (warning,) = ended.err.splitlines()
    assert warning.startswith("harness: tracker broken failed and is left alone from here on; the run goes on (")


def test_a_disk_that_has_no_room_for_the_memory_stops_no_run(here, untracked, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(TRACKERS, "broken", Entry("Broken", "json"))
    monkeypatch.setattr(tracking, "make", lambda name, folder: Broken(folder))
    monkeypatch.setattr(Broken, "fails_in", "")
    monkeypatch.setattr(tracking, "write_json", full)
    assert run(here, "--track", "broken").code == 0
    assert end(run_folder(here)) == end(untracked)


def test_a_damaged_memory_silences_the_tracker_alone(here, monkeypatch):
    installed("tensorboard")
    (here / tracking.MEMORY).write_text("[")
    said = []
    with Tracking(["tensorboard"], here, "name", {}, said.append) as following:
        following.tell([{"epoch": 0}])
    assert len(said) == 1
    assert tracking.MEMORY in said[0]
    assert set(contents(here)) == {tracking.MEMORY}


def test_an_interruption_closes_the_trackers(here, monkeypatch):
    told = []

    class Noted(Broken):
        def _do(self, method):
            told.append(method)

    monkeypatch.setattr(tracking, "make", lambda name, folder: Noted(folder))
    with pytest.raises(KeyboardInterrupt), Tracking(["tensorboard"], here, "name", {}, told.append):
        raise KeyboardInterrupt
    assert told == ["begin", "end"]


# Mistakes


@pytest.mark.parametrize(
    "command",
    [
        ["run", "--method=darts-1st", "--space=s1", "--dataset=digits", "--protocol=smoke"],
        ["evaluate", "DARTS_V2", "--dataset=digits", "--protocol=smoke"],
        ["suite", "run", "table2"],
    ],
    ids=lambda command: command[0],
)
def test_a_tracker_that_is_not_there_is_one_sentence_before_anything_starts(command, here, monkeypatch):
    ended = forked(harness([*command, "--track", "tensorbord"]))
    assert (ended.code, ended.err) == (2, "harness: unknown tracker 'tensorbord'; did you mean 'tensorboard'?\n")
    monkeypatch.setattr(trackers, "find_spec", lambda package: None)
    ended = forked(harness([*command, "--track", "wandb"]))
    missing = "harness: tracker 'wandb' is not installed; pip install 'zarts-harness[wandb]'.\n"
    assert (ended.code, ended.err) == (2, missing)
    assert not list(here.iterdir())


def test_a_suite_hands_its_trackers_to_every_cell(here, monkeypatch):
    given = []
    monkeypatch.setattr(trackers, "check", lambda names: None)
    monkeypatch.setattr("harness.suite.driver.Driver.run", lambda drive: given.append(list(drive.equipment.options)))
    suite = 'summary = "x"\nprotocol = "smoke"\n[[search]]\nmethod = ["darts-1st"]\nspace = ["s1"]\n'
    (here / "mine.toml").write_text(suite + 'dataset = ["digits"]\nseed = [0]\n')
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    from click.testing import CliRunner

    from harness.cli import main

    arguments = ["suite", "run", "mine.toml", "--device=cpu", "--workers=1", "--track=wandb", "--track=mlflow"]
    CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert given == [["--device=cpu", "--track=wandb", "--track=mlflow"]]


# Its parts


def test_numbers_and_settings_are_flat():
    record = {"epoch": 0, "genotype": "x", "loss": None, "worst": float("inf"), "cost": {"seconds": 1.5, "kind": "RSS"}}
    assert numbers(record) == {"epoch": 0, "cost/seconds": 1.5}
    spec = {"method": "rea", "budget": {"seconds": None}, "settings": {"strategy": {"population": 10, "flag": True}}}
    assert settings(spec) == {"method": "rea", "strategy.population": 10, "strategy.flag": True}


def test_every_part_of_an_id_of_wandb_is_allowed():
    installed("wandb")
    from harness.trackers.wandb import LONGEST, run_id

    assert run_id("darts-1st-s2-digits-s0-c42bd0a6") == "darts-1st-s2-digits-s0-c42bd0a6"
    long = [f"darts-1st-s2-{'x' * 80}-s{seed}" for seed in (0, 1)]
    assert len({run_id(name) for name in long}) == 2
    assert max(len(run_id(name)) for name in long) == LONGEST
    assert ":" not in run_id("a:b")
    assert run_id("a:b") != run_id("a-b")
