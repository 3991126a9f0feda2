"""A run that is killed at any instant, and started again with the same command, ends with the same bits."""

from __future__ import annotations

import errno
import functools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest
from processes import TINY, Child, Disk, die, end, forked, harness, run_arguments, run_folder

from harness.runs import loop as run_to_end

METHODS = {
    "darts-1st": "nasbench201",
    "darts-2nd": "s1",
    "zarts-rs": "s4",  # has noise operations
    "zarts-mgs": "nasbench201",
    "zarts-gld": "nasbench201",
}
"""The core methods, each with the space it is killed in."""
KILLS = 2


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The end of a run that nothing disturbs, by its arguments."""

    @functools.cache
    def finish(*more: str, **names: str):
        results = tmp_path_factory.mktemp("straight")
        ended = forked(harness(run_arguments(results, *more, **names)))
        assert ended.code == 0, ended.err
        return end(run_folder(results))

    return finish


def has_checkpoint(results) -> bool:
    return any(results.glob("*/*/checkpoint.pt"))


def finish(results, *more, **names):
    """Runs the command to its end: what it said, and the end."""
    ended = forked(harness(run_arguments(results, *more, **names)))
    assert ended.code == 0, ended.err
    return ended, end(run_folder(results))


@pytest.mark.parametrize("method", METHODS)
def test_killed_at_random_instants(method, straight, tmp_path):
    names = {"method": method, "space": METHODS[method]}
    delays, killed = random.Random(method), 0
    for number in range(KILLS):
        child = Child(harness(run_arguments(tmp_path, **names)))
        if number == 0:  # so that all the others resume
            child.wait_for(lambda: has_checkpoint(tmp_path))
        time.sleep(delays.uniform(0, 0.2))
        child.send(signal.SIGKILL)
        killed += child.wait().code == -signal.SIGKILL
    assert killed
    _, found = finish(tmp_path, **names)
    assert found == straight(**names)


def test_a_process_of_its_own_killed_with_kill_9(straight, tmp_path):
    """Without forks: what a user types, killed, typed again."""
    names = {"method": "zarts-mgs", "space": METHODS["zarts-mgs"]}
    command = [sys.executable, "-m", "harness", *run_arguments(tmp_path, "--json", **names)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not has_checkpoint(tmp_path) and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert json.loads(again.stdout)["stopped_by"] == "epochs"
    assert end(run_folder(tmp_path)) == straight(**names)


@pytest.fixture(scope="module")
def operations(tmp_path_factory) -> list[str]:
    """What an undisturbed tiny run does to the disk, in order."""
    results = tmp_path_factory.mktemp("operations")

    def listing():
        disk = Disk()
        disk.install()
        try:
            harness(run_arguments(results, *TINY))()
        finally:
            print("\n" + json.dumps(disk.seen))

    return json.loads(forked(listing).out.splitlines()[-1])


def last(operations: list[str], name: str) -> int:
    return max(number for number, operation in enumerate(operations) if operation == name)


def struck(results, strike, fatal):
    """A tiny run on a disk that strikes once."""

    def call():
        Disk(strike, fatal).install()
        harness(run_arguments(results, *TINY))()

    return forked(call)


@pytest.mark.parametrize(
    "operation",
    [
        "write .checkpoint.new.pt.tmp",
        "write .records.jsonl.tmp",
        "write .result.json.tmp",
    ],
)
def test_killed_in_the_last_save(operation, operations, straight, tmp_path):
    """The checkpoint that ends the search, the records, the result; test_store.py tries every operation on the disk."""
    ended = struck(tmp_path, die, last(operations, operation))
    assert ended.code == -signal.SIGKILL, ended.err
    _, found = finish(tmp_path, *TINY)
    assert found == straight(*TINY)
    assert not list(run_folder(tmp_path).glob("*.new.pt"))


def no_space():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("operation", ["write .checkpoint.new.pt.tmp", "replace checkpoint.pt"])
def test_a_disk_that_fails_stops_the_run_and_leaves_what_was_saved(operation, operations, straight, tmp_path):
    ended = struck(tmp_path, no_space, last(operations, operation))
    assert ended.code == 2
    assert "cannot be written: No space left on device. What was saved before is intact." in ended.err
    assert "Traceback" not in ended.err
    ended, found = finish(tmp_path, *TINY)
    assert "resumed from step" in ended.out
    assert found == straight(*TINY)


def test_a_file_that_may_not_grow(straight, tmp_path):
    """The system's own refusal, half-way through the second checkpoint, which is larger than the first."""
    child = Child(harness(run_arguments(tmp_path)))
    child.wait_for(lambda: has_checkpoint(tmp_path))
    child.send(signal.SIGTERM)
    assert child.wait().code == 130
    saved = (run_folder(tmp_path) / "checkpoint.pt").read_bytes()

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(saved) // 2,) * 2)
        harness(run_arguments(tmp_path))()

    ended = forked(limited)
    assert ended.code == 2
    assert "checkpoint.new.pt cannot be written: File too large" in ended.err
    assert (run_folder(tmp_path) / "checkpoint.pt").read_bytes() == saved
    assert not list(run_folder(tmp_path).glob(".*"))
    _, found = finish(tmp_path)
    assert found == straight()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_how_to_go_on(number, straight, tmp_path):
    """With no checkpoint within an epoch, so that what is resumed is what the signal had saved."""

    def call():
        run_to_end.SAVE_SECONDS = 0.0  # or the quick epochs would share one checkpoint, the last
        harness([*run_arguments(tmp_path), "--checkpoint-seconds", "1000"])()

    child = Child(call)
    child.wait_for(lambda: any(tmp_path.glob("*/*/records.jsonl")))  # after the first epoch of two
    child.send(number)
    ended = child.wait()
    assert ended.code == 130
    assert f"the state is saved in {run_folder(tmp_path)}" in ended.err
    assert "Run the same command again to go on." in ended.err
    ended, found = finish(tmp_path)
    assert "resumed from step" in ended.out
    assert found == straight()


def damage(path):
    """Flips a bit of the weights, the largest tensor; one of a header between tensors might harm nothing."""
    raw = bytearray(path.read_bytes())
    raw[2 * len(raw) // 3] ^= 1
    path.write_bytes(raw)


def interrupted(results):
    """A run folder with the checkpoints of the weight steps 4 and 5, of 8."""
    file, renames = 5, 2
    first = 2 * file  # the protocol and the spec
    operations_before_sixth_save = first + 5 * (2 * file + 2 * renames) - renames  # the first one puts nothing aside

    def call():
        Disk(die, fatal=operations_before_sixth_save).install()
        harness(run_arguments(results))()

    assert forked(call).code == -signal.SIGKILL
    return run_folder(results)


def test_a_damaged_checkpoint_is_reported_and_the_previous_one_used(straight, tmp_path):
    folder = interrupted(tmp_path)
    (folder / "checkpoint.pt").write_bytes((folder / "checkpoint.pt").read_bytes()[:-1000])
    ended, found = finish(tmp_path)
    assert f"{folder / 'checkpoint.pt'} is damaged" in ended.err
    assert f"the previous checkpoint, {folder / 'checkpoint.previous.pt'}, is used" in ended.err
    assert "resumed from step 4" in ended.out
    assert found == straight()


def test_both_checkpoints_damaged_is_an_error_that_says_what_to_do(tmp_path):
    folder = interrupted(tmp_path)
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        damage(folder / name)
    for _ in range(2):  # the first refusal has changed nothing
        ended = forked(harness(run_arguments(tmp_path)))
        assert ended.code == 2
        assert f"no checkpoint in {folder} can be read; delete the folder to start again." in ended.err
        assert ended.err.count("is damaged") == 2
        assert "is used" not in ended.err


def test_a_second_process_is_refused_and_the_first_unharmed(straight, tmp_path):
    first = Child(harness(run_arguments(tmp_path)))
    first.wait_for(lambda: has_checkpoint(tmp_path))
    first.send(signal.SIGSTOP)
    second = forked(harness(run_arguments(tmp_path)))
    first.send(signal.SIGCONT)
    assert second.code == 2
    assert f"another process is working in {run_folder(tmp_path)}" in second.err
    assert first.wait().code == 0
    assert end(run_folder(tmp_path)) == straight()


def test_the_lock_of_a_killed_process_does_not_block(straight, tmp_path):
    folder = interrupted(tmp_path)
    assert (folder / "lock").exists()
    _, found = finish(tmp_path)
    assert found == straight()
