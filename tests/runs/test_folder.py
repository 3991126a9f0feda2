"""The run folder by itself: what is saved is what is loaded, whatever happens in between."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from processes import Child, Disk, die, forked

from harness.core.errors import HarnessError
from harness.core.files import write_atomic
from harness.runs import checkpoint
from harness.runs import folder as store
from harness.runs.checkpoint import FORMAT
from harness.runs.folder import RunFolder, locked, owner, spec_hash

SPEC = {"method": "darts-1st", "seed": 0, "settings": {"training": {"lr": 0.025, "batch": 64}}}
ENVIRONMENT = {"torch": "2.7.0", "data": "0123"}
CODE = {"methods/rules/mgs.py": "0123", "spaces/space.py": "4567"}


def state_at(step: int) -> dict:
    """The state of a search that has taken so many steps and has ended an epoch with each."""
    tensors = {name: step + torch.arange(4.0) for name in ("alpha", "weights")}
    return tensors | {"memory": {"mean": torch.full((2,), float(step))}, "records": [{"epoch": e} for e in range(step)]}


def step_of(state) -> int:
    """Raises where the state is none of state_at's."""
    step = len(state["records"])
    assert str(state) == str(state_at(step))
    return step


class Opened(RunFolder):
    """A run folder that keeps its warnings."""

    def __init__(self, path):
        self.warnings = []
        super().__init__(path, self.warnings.append)
        path.mkdir(exist_ok=True)

    @property
    def last(self):
        return self.path / "checkpoint.pt"

    @property
    def previous(self):
        return self.path / "checkpoint.previous.pt"

    def records(self):
        return [json.loads(line) for line in (self.path / "records.jsonl").read_text().splitlines()]


@pytest.fixture
def folder(tmp_path):
    """With checkpoints of the steps 1 and 2."""
    folder = Opened(tmp_path / "run")
    folder.open_spec(SPEC, ENVIRONMENT, CODE)
    for step in (1, 2):
        folder.save(state_at(step))
    return folder


def flip(path, place):
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


def test_the_hash_of_a_spec_does_not_depend_on_the_order_of_its_keys():
    turned = {"settings": {"training": {"batch": 64, "lr": 0.025}}, "seed": 0, "method": "darts-1st"}
    assert spec_hash(turned) == spec_hash(SPEC)
    assert spec_hash(SPEC | {"seed": 1}) != spec_hash(SPEC)


def test_an_empty_folder_has_no_checkpoint(tmp_path):
    assert Opened(tmp_path).load() is None


def test_what_was_saved_last_is_loaded(folder):
    assert step_of(folder.load()) == 2
    assert folder.warnings == []


def test_loading_makes_the_records_agree_with_the_checkpoint(folder):
    folder.write_records([{"epoch": 7}])
    folder.load()
    assert folder.records() == state_at(2)["records"]


@pytest.mark.parametrize("length", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_checkpoint_is_reported_and_the_previous_one_used(folder, length):
    whole = folder.last.read_bytes()
    folder.last.write_bytes(whole[: int(length * len(whole)) if isinstance(length, float) else length])
    assert step_of(folder.load()) == 1
    assert folder.records() == state_at(1)["records"]
    assert str(folder.last) in folder.warnings[0]
    assert str(folder.previous) in folder.warnings[1]


def test_a_flipped_bit_anywhere_is_harmless_or_found(folder):
    """Some bytes decide nothing: the padding between the tensors, dates in the archive."""
    whole, found = folder.last.read_bytes(), []
    for place in range(0, len(whole), 5):
        folder.last.write_bytes(whole)
        flip(folder.last, place)
        found.append(step_of(folder.load()))
    assert set(found) == {1, 2}


def test_the_checksum_finds_a_change_in_any_part_of_the_state(folder):
    """Changes that leave a file torch reads without complaint."""
    content = torch.load(folder.last, weights_only=True)
    changes = (
        lambda state: state["alpha"].add_(1e-6),
        lambda state: state["memory"]["mean"].neg_(),
        lambda state: state.update(weights=state["weights"].view(2, 2)),
        lambda state: state.update(weights=state["weights"].view(torch.int32)),
        lambda state: state["weights"].requires_grad_(),
        lambda state: state["records"].pop(),
    )
    for change in changes:
        damaged = pickle.loads(pickle.dumps(content))
        change(damaged["state"])
        torch.save(damaged, folder.last)
        with pytest.raises(checkpoint.Damaged, match="checksum"):
            checkpoint.unpack(folder.last)


def test_when_all_checkpoints_are_damaged_nothing_is_changed(folder):
    folder.last.write_bytes(b"")
    folder.previous.write_bytes(b"junk")
    for _ in range(2):
        with pytest.raises(HarnessError, match=r"no checkpoint in .* can be read; delete the folder"):
            folder.load()
    assert folder.last.read_bytes() == b""
    assert len(folder.warnings) == 4
    assert not any("is used" in warning for warning in folder.warnings)


class Malice:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("archive", [True, False])
def test_a_malicious_checkpoint_is_not_executed(folder, tmp_path, archive):
    """Neither in torch's archives nor in the bare pickles that torch reads too."""
    trace = tmp_path / "trace"
    content = {"format": FORMAT, "state": Malice(trace), "checksum": ""}
    torch.save(content, folder.last, pickle_protocol=2, _use_new_zipfile_serialization=archive)
    assert step_of(folder.load()) == 1
    assert not trace.exists()
    assert "it holds more than tensors and plain values" in folder.warnings[0]
    torch.load(folder.path / "checkpoint.damaged.pt", weights_only=False)
    assert trace.exists()  # it would have been


def test_a_checkpoint_of_another_format_is_refused(folder):
    torch.save({"format": 99, "state": state_at(1), "checksum": checkpoint._checksum([99, state_at(1)])}, folder.last)
    with pytest.raises(HarnessError, match=f"has format 99, this is {FORMAT}; use another --results folder"):
        folder.load()


STEPS = 3


def work(path):
    """A run: from what is there to the end, with a save after each step."""
    with locked(path, wait=False):
        folder = Opened(path)
        folder.open_spec(SPEC, ENVIRONMENT, CODE)
        state = folder.load() or state_at(0)
        for step in range(step_of(state), STEPS):
            folder.save(state_at(step + 1))
        folder.finish({"stopped_by": "epochs"})


def work_until_killed(path, fatal):
    """Returns whether it was killed."""

    def call():
        Disk(die, fatal).install()
        work(path)

    ended = forked(call)
    assert ended.code in (0, -signal.SIGKILL), ended.err
    return ended.code != 0


def assert_finished(path):
    """As if nothing had happened, without a trace."""
    folder = Opened(path)
    assert step_of(folder.load()) == STEPS
    assert folder.records() == state_at(STEPS)["records"]
    assert json.loads((path / "result.json").read_text()) == {"stopped_by": "epochs"}
    assert folder.warnings == []
    assert not list(path.glob(".*"))
    assert not list(path.glob("*.new.*"))


def test_killed_at_every_operation_on_the_disk(tmp_path):
    """And every third time, going on, killed again some operations later."""
    fatal = 0
    while work_until_killed(path := tmp_path / str(fatal), fatal):
        if fatal % 3 == 0:
            work_until_killed(path, fatal % 13)
        work(path)
        assert_finished(path)
        fatal += 1
    assert fatal == 5 + STEPS * 14 - 2 + 5  # the first save finds no checkpoint to put aside


@pytest.mark.parametrize("fatal", range(14))
def test_killed_in_the_first_save_after_a_damaged_checkpoint(folder, fatal):
    """The damaged one must not take the place of the good one before the new one is safe."""
    folder.last.write_bytes(b"junk")
    loading = 7  # operations: the damaged one put aside, and the records
    assert work_until_killed(folder.path, loading + fatal)
    work(folder.path)
    assert_finished(folder.path)


def holding(path):
    """A process that holds the folder until it is killed."""

    def hold():
        with locked(path, wait=False):
            (path / "held").touch()
            signal.pause()

    child = Child(hold)
    child.wait_for((path / "held").exists)
    return child


def test_a_second_process_is_refused_and_the_lock_dies_with_the_first(tmp_path):
    first = holding(tmp_path)
    with pytest.raises(HarnessError, match=f"another process is working in {tmp_path}"), locked(tmp_path, wait=False):
        pass
    first.send(signal.SIGKILL)
    first.wait()
    with locked(tmp_path, wait=False):
        pass


def test_who_may_wait_for_a_lock_gets_it(tmp_path):
    def enter():
        with locked(tmp_path, wait=True):
            (tmp_path / "entered").touch()

    with locked(tmp_path, wait=True):
        second = Child(enter)
        time.sleep(0.2)
        assert not (tmp_path / "entered").exists()
    assert second.wait().code == 0
    assert (tmp_path / "entered").exists()


@pytest.mark.parametrize("lacking", ["checkpoint.pt", "checkpoint.previous.pt"])
def test_a_checkpoint_without_a_spec_is_refused(folder, lacking):
    (folder.path / "spec.json").unlink()
    (folder.path / lacking).unlink()
    with pytest.raises(HarnessError, match=r"has a checkpoint, and no spec\.json that says of which run"):
        folder.open_spec(SPEC, ENVIRONMENT, CODE)
    assert not (folder.path / "spec.json").exists()


def test_a_spec_that_differs_is_refused_with_the_difference(folder):
    other = SPEC | {"settings": {"training": {"lr": 0.1, "batch": 64}}}
    with pytest.raises(
        HarnessError, match=r"describes another run \(settings\.training\.lr: 0\.025 there, 0\.1 here\)"
    ):
        folder.open_spec(other, ENVIRONMENT, CODE)


def test_another_environment_is_noted_and_other_data_are_refused(folder):
    folder.open_spec(SPEC, ENVIRONMENT, CODE)
    assert folder.warnings == []
    folder.open_spec(SPEC, ENVIRONMENT | {"torch": "2.8.0"}, CODE)
    assert "torch: 2.7.0 there, 2.8.0 here" in folder.warnings[0]
    assert len(json.loads((folder.path / "spec.json").read_text())["environments"]) == 2
    with pytest.raises(HarnessError, match="was made from other data than these"):
        folder.open_spec(SPEC, ENVIRONMENT | {"data": "4567"}, CODE)


@pytest.mark.parametrize("path", ["file/run", "file"])
def test_a_folder_that_cannot_be_is_an_error_that_names_it(tmp_path, path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(HarnessError, match=f"the folder {tmp_path / path} cannot be made"),
        locked(tmp_path / path, wait=False),
    ):
        pass


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HarnessError, match="file/deeper cannot be written: Not a directory"):
        write_atomic(tmp_path / "file" / "deeper", b"")


class Elsewhere:
    """An owner on another machine, which refreshes its claim, or has died."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setattr(store, "LEASE", 2.0)
        self.mark = folder / "owner"
        with locked(folder, wait=False):
            written = self.mark.read_text()
        self.mark.write_text(re.sub("host=.*", "host=elsewhere", written))

    def live(self, until):
        while not until.wait(0.1):
            os.utime(self.mark)


def test_an_owner_that_lives_on_another_machine_is_left_alone(tmp_path, monkeypatch):
    other, until = Elsewhere(tmp_path, monkeypatch), threading.Event()
    with ThreadPoolExecutor() as pool:
        pool.submit(other.live, until)
        assert owner(tmp_path).startswith("elsewhere, process ")
        with pytest.raises(store.Busy, match="another process is working"), locked(tmp_path, wait=False):
            pass
        until.set()


def test_an_owner_that_died_on_another_machine_is_succeeded(tmp_path, monkeypatch):
    other = Elsewhere(tmp_path, monkeypatch)
    with locked(tmp_path, wait=False):
        assert f"process {os.getpid()}" in owner(tmp_path)
    assert not other.mark.exists()
    assert owner(tmp_path) is None


def test_an_owner_killed_before_it_wrote_its_name_is_succeeded(tmp_path, monkeypatch):
    Elsewhere(tmp_path, monkeypatch).mark.write_text("")
    assert owner(tmp_path) is None
    with locked(tmp_path, wait=False):
        pass


def test_an_owner_that_died_here_is_succeeded_at_once(tmp_path):
    child = holding(tmp_path)
    child.send(signal.SIGKILL)
    child.wait()
    assert (tmp_path / "owner").exists()
    assert owner(tmp_path) is None
    began = time.monotonic()
    with locked(tmp_path, wait=False):
        assert time.monotonic() - began < store.LEASE / 2


def test_a_process_that_was_taken_for_dead_writes_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "LEASE", 0.3)
    with locked(tmp_path, wait=False) as lease:
        folder = RunFolder(tmp_path, print, lease)
        folder.save(state_at(1))
        (tmp_path / "owner").unlink()
        (tmp_path / "owner").write_text("another's")
        deadline = time.monotonic() + 10
        while lease.compromise is None and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(HarnessError, match="another has taken over"):
            folder.save(state_at(2))
        assert step_of(folder.load()) == 1
