"""What a run asks for, refuses and leaves: the same command twice, other versions, other data, numbers that explode."""

from __future__ import annotations

import json
import signal
import threading

import pytest
import torch
from PIL import Image
from processes import TINY, contents, forked, harness, run_arguments, run_folder

from harness.core.errors import HarnessError, Interrupted
from harness.runs import protocol, runner
from harness.runs.folder import RunFolder, claim_protocol

EXPLODES = ("--set", "lr=1e4", "--set", "clip=1e30")
"""At the second weight step; the first leaves large numbers."""


def run(results, *more, **names):
    return forked(harness(run_arguments(results, *more, **names)))


def test_the_same_command_again_returns_at_once_and_changes_nothing(tmp_path):
    assert run(tmp_path, *TINY).code == 0
    before = contents(tmp_path)
    again = run(tmp_path, *TINY)
    assert again.code == 0
    assert "was done before" in again.out
    assert contents(tmp_path) == before


def test_a_run_that_another_process_finishes_while_this_one_begins_is_left_alone(tmp_path, monkeypatch):
    claim = runner.claim_protocol

    def overtaken(*claimed):
        runner.claim_protocol = claim
        assert run(tmp_path, *TINY).code == 0
        claim(*claimed)

    monkeypatch.setattr(runner, "claim_protocol", overtaken)
    ended = run(tmp_path, *TINY)
    assert ended.code == 0, ended.err
    assert "was done before" in ended.out


def test_json_is_one_object_and_nothing_else(tmp_path):
    ended = run(tmp_path, *TINY, "--json")
    printed = json.loads(ended.out)
    assert ended.err == ""
    assert printed["folder"] == str(run_folder(tmp_path))
    written = json.loads((run_folder(tmp_path) / "result.json").read_text())
    assert {key: printed[key] for key in written} == written


def test_another_version_of_a_protocol_is_refused(tmp_path):
    """As a file of the same name, whose settings would give another run folder beside the others."""
    results, raised = tmp_path / "results", tmp_path / "raised.toml"
    assert run(results, *TINY).code == 0
    raised.write_text(protocol.load("smoke").text.replace("version = 1", "version = 2"))
    before = contents(results)
    ended = run(results, *TINY, "--protocol", str(raised))
    assert ended.code == 2
    assert f"{results / 'smoke'} holds runs of another version of protocol 'smoke'" in ended.err
    assert (
        "differs from this one, version 2. Raise the version with a change, and use another --results folder."
        in ended.err
    )
    assert contents(results) == before


def test_protocols_are_claimed_once_by_runs_that_begin_together(tmp_path):
    smoke, failures = protocol.load("smoke"), []

    def claim():
        try:
            for _ in range(20):
                claim_protocol(tmp_path, smoke)
        except Exception as error:
            failures.append(error)

    for _ in range(10):
        (tmp_path / "smoke" / "protocol.toml").unlink(missing_ok=True)
        threads = [threading.Thread(target=claim) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def image_folder(folder, shade):
    """Two classes of uncompressed images, whose files have the same size whatever they show."""
    for number in range(32):
        path = folder / "train" / "ab"[number % 2] / f"{number}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (shade, number, 0)).save(path)
    return str(folder)


def test_changed_data_under_the_same_name_are_refused(tmp_path):
    results, stop = (
        tmp_path / "results",
        ("--epochs", "2", "--set", "batch=8", "--set", "lr=1e30", "--set", "clip=1e30"),
    )
    dataset = image_folder(tmp_path / "shades", 10)
    assert run(results, *stop, dataset=dataset).code == 2  # it leaves a checkpoint, and no result
    image_folder(tmp_path / "shades", 200)
    before = contents(run_folder(results))
    ended = run(results, *stop, dataset=dataset)
    assert ended.code == 2
    assert f"{run_folder(results)} was made from other data than these; use another --results folder." in ended.err
    assert contents(run_folder(results)) == before


def tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from tensors(entry)


def test_a_loss_that_explodes_ends_the_run_and_keeps_the_checkpoint_before(tmp_path):
    ended = run(tmp_path, *EXPLODES)
    assert ended.code == 2
    assert "the search is not finite from epoch 1, step 2 on; the last checkpoint before it is kept." in ended.err
    assert "Traceback" not in ended.err
    folder = RunFolder(run_folder(tmp_path), pytest.fail)
    state = folder.load()
    assert (state["cost"]["weight_steps"], int(state["failed_at"])) == (1, -1)
    assert all(tensor.isfinite().all() for tensor in tensors(state))
    assert not (folder.path / "result.json").exists()


def test_a_results_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    ended = run(tmp_path / "file", *TINY)
    assert ended.code == 2
    assert f"the folder {tmp_path / 'file' / 'smoke'} cannot be made: Not a directory; choose another." in ended.err


def test_the_run_folder_is_named_after_everything_that_decides_the_outcome():
    def name(seed=0, *assignments):
        request = runner.Request(
            "darts-1st", "s1", "digits", protocol.load("smoke"), seed=seed, assignments=assignments, device="cpu"
        )
        return runner.plan(request).folder

    assert name().parent.name == "smoke"
    assert name().name.startswith("darts-1st-s1-digits-s0-")
    assert name() == name()
    assert len({name(), name(1), name(0, "lr=0.1"), name(0, "images=64")}) == 4
    assert name(0, "lr=0.1") == name(0, "lr=1e-1")


def request(**changes):
    names = {"method": "darts-1st", "space": "s1", "dataset": "digits"} | changes
    return runner.Request(protocol=protocol.load("smoke"), **names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "darts-1"}, "unknown method 'darts-1'; did you mean 'darts-1st'"),
        ({"space": "s11"}, "unknown space 's11'; did you mean 's1'"),
        ({"assignments": ("lrr=1",)}, "unknown setting 'lrr'; did you mean 'lr'"),
        ({"device": "tpu"}, "device 'tpu' is not known; use auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:99"}, "device 'cuda:99' is not here"),
    ],
)
def test_what_cannot_be_planned_is_refused(changes, message):
    with pytest.raises(HarnessError, match=message):
        runner.plan(request(**changes))


class StopAfter:
    """An observer that stops the search, as a signal would, after so many weight steps."""

    def __init__(self, steps, number):
        self.steps, self.number = steps, number

    def update(self, state, seconds):
        if state.cost.weight_steps == self.steps:
            signal.raise_signal(self.number)


def test_a_signal_is_obeyed_at_the_next_step_with_that_step_saved(tmp_path):
    def stopped():
        plan = runner.plan(request(results=tmp_path, checkpoint_seconds=1000))
        with pytest.raises(Interrupted, match="stopped in epoch 1; the state is saved in"):
            runner.run(plan, observe=lambda search: StopAfter(3, signal.SIGTERM))
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    assert forked(stopped).code == 0
    assert RunFolder(run_folder(tmp_path), pytest.fail).load()["cost"]["weight_steps"] == 3


def test_another_content_of_a_split_file_is_another_run(tmp_path):
    split = tmp_path / "split.json"

    def folder(train, valid):
        split.write_text(json.dumps({"train": train, "valid": valid}))
        return runner.plan(request(results=tmp_path, assignments=(f"split_file={split}",))).folder

    assert folder([0, 1], [2, 3]) == folder([0, 1], [2, 3]) != folder([2, 3], [0, 1])
