"""The run folder: spec.json, records.jsonl, checkpoint.pt, result.json.

Everything is written beside its place and renamed. The checkpoint before the last is kept as checkpoint.previous.pt and
used, with a warning, when the last one is damaged. The records are in the checkpoint too, so records.jsonl always
agrees with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, SoftFileLease, Timeout

from harness.core.errors import HarnessError, quoted, visible
from harness.core.files import make_folder, read_shaped, rename, write_atomic, write_json
from harness.core.genotype import parse
from harness.core.shapes import MADE_BY
from harness.core.untrusted import ANYTHING, OBJECT, TEXT, WHOLE, Shape, check, loads, reason
from harness.runs.checkpoint import Damaged, pack, unpack
from harness.runs.code import Code, changed
from harness.runs.protocol import Protocol


def spec_hash(spec: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


CHECKPOINTS = ("checkpoint.pt", "checkpoint.previous.pt")
"""The last one first."""
SHOWN = 3
"""Files that a message names."""
LEASE = 30.0
"""Seconds without a sign of life after which a process on another machine is taken for dead."""


class Busy(HarnessError):
    """Another process is working in the folder."""


class OtherCode(HarnessError):
    """What is in the folder was made by other code than this."""


class DamagedSpec(HarnessError):
    """What is in the folder does not say any more what it is, and by which code."""


@contextmanager
def locked(folder: Path, wait: bool) -> Iterator[SoftFileLease]:
    """Makes the folder and holds it. Raises HarnessError when it cannot be written, Busy when another process holds it,
    unless it is to wait.

    Two locks: the system's own, which dies with the process, and a file that names the owner, refreshed while it
    lives, for file systems on which the system's lock does not reach other machines. What a dead process left is taken
    over: at once on the same machine, after LEASE seconds on another.
    """
    make_folder(folder)
    lease = SoftFileLease(folder / "owner", lease_duration=LEASE)
    with ExitStack() as held:
        try:
            held.enter_context(FileLock(folder / "lock").acquire(timeout=-1 if wait else 0))
            held.enter_context(_own(lease, wait))
        except Timeout:
            raise Busy(
                f"another process is working in {folder}; wait for it, or stop it, then run the command again."
            ) from None
        except OSError as error:
            raise HarnessError(
                f"{folder} cannot be written: {error.strerror}; choose another folder with --results."
            ) from None
        yield lease


def _own(lease: SoftFileLease, wait: bool) -> AbstractContextManager[object]:
    """Raises Timeout where the owner shows that it lives, unless it is to wait."""
    while True:
        try:
            return lease.acquire(timeout=1.5 * LEASE)
        except Timeout:
            if lease.owner is None:  # killed after it made the file and before it wrote its name
                lease.force_break()
            elif not wait:
                raise


def owner(folder: Path) -> str | None:
    """The process that is working in the folder, as "host, process N"; None where none is."""
    path = folder / "owner"
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return None
    named = SoftFileLease(path, lease_duration=LEASE).owner
    if named is None or age > 2 * LEASE or (named.hostname == socket.gethostname() and not _lives(named.pid)):
        return None
    return f"{named.hostname.partition('?')[0]}, process {named.pid}"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def claim_protocol(results: Path, protocol: Protocol) -> None:
    """Keeps a copy of the protocol beside its runs, and refuses to mix versions in one folder."""
    copy = _copy(results, protocol)
    with locked(copy.parent, wait=True):  # the runs of a suite begin together
        if not copy.exists():
            write_atomic(copy, protocol.text.encode())
        check_protocol(results, protocol)


def check_protocol(results: Path, protocol: Protocol) -> None:
    """Raises HarnessError where the folder holds runs of another version."""
    copy = _copy(results, protocol)
    if copy.exists() and copy.read_bytes() != protocol.text.encode():
        raise HarnessError(
            f"{copy.parent} holds runs of another version of protocol {quoted(protocol.name)}: its copy, {copy}, "
            f"differs from this one, version {protocol.version}. Raise the version with a change, and use another "
            "--results folder."
        )


def _copy(results: Path, protocol: Protocol) -> Path:
    return results / protocol.name / "protocol.toml"


def cell_of(run: Path, after: int | None = None) -> Any:
    """The genotype, as JSON, that a finished run has found, or the one that it had after so many epochs.

    Raises HarnessError where the run is not done, was shorter or does not keep that cell, or a file is damaged.
    """
    found = read_shaped(run / "result.json", {"genotype": ANYTHING})["genotype"]
    if after is None:
        return found
    path = run / "records.jsonl"
    try:
        records = [loads(line) for line in path.read_text("utf-8").splitlines()]
        check(records, [{"epoch": WHOLE, "genotype?": TEXT}])
        cells = {record["epoch"] + 1: record.get("genotype") for record in records}
        took, cell = max(cells, default=0), cells.get(after)
        if after > took:
            raise HarnessError(f"{run} took {took} epochs; it had no cell after epoch {after}.")
        if cell is None:
            raise HarnessError(
                f"{path} does not keep the cell after epoch {after}, as `harness suite pack --epochs` left it out; "
                "pack the runs anew without --epochs, or search anew with another --results folder."
            )
        return parse(cell).to_json()
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise HarnessError(f"{path} cannot be read: {reason(error)}; it is damaged or no record of a search.") from None


def read_spec(folder: Path, shape: Mapping[str, Shape]) -> dict[str, Any]:
    """What spec.json of a run says. Raises DamagedSpec where it is not there, cannot be read or has another shape."""
    path = folder / "spec.json"
    try:
        found: dict[str, Any] = loads(path.read_bytes())
        check(found, shape)
        return found
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or reason(error)
        raise DamagedSpec(
            f"{path} cannot be read: {why}; give --again to do it anew, which keeps the old folder."
        ) from None


def check_code(folder: Path, code: Code) -> None:
    """Raises OtherCode where the run in this folder was made by other code than this, DamagedSpec where nobody can say.
    One that does not say by which it was made, as before that was noted, passes."""
    known = read_spec(folder, MADE_BY).get("code", code)
    files = changed(known, code)
    if files:
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        raise OtherCode(
            f"{folder} was made by other code: {', '.join(files[:SHOWN])}{more} changed since. Give --again to make it "
            "anew, which keeps the old folder, or choose another one with --results."
        )


def set_aside(folder: Path, *beside: Path) -> None:
    """Moves a folder, and files beside it, out of the way, into .replaced next to them; deletes nothing. Raises Busy
    where another process is working in the folder."""
    present = [path for path in (folder, *beside) if path.exists()]
    if not present:
        return
    if folder.exists():
        with locked(folder, wait=False):
            pass
    kept = folder.parent / ".replaced"
    place = next(kept / str(n) for n in count(1) if not (kept / str(n)).exists())
    make_folder(place)
    for path in present:
        rename(path, place / path.name)


def begin_anew(folder: Path, done: Path, code: Code, *made: Path) -> None:
    """As `--again` asks: sets aside what is done, which the file `done` shows, with the other files that were `made`,
    or was begun by other code. What this code has begun goes on, for it is what an interrupted `--again` leaves."""
    if done.exists() or not _begun_by(folder, code):
        set_aside(folder, *(path for path in (done, *made) if not path.is_relative_to(folder)))


def _begun_by(folder: Path, code: Code) -> bool:
    try:
        check_code(folder, code)
    except HarnessError:
        return False
    return True


class RunFolder:
    """One run on disk. Whoever writes to it holds its lock: `with locked(path, wait=False) as lease`."""

    def __init__(self, path: Path, warn: Callable[[str], None], lease: SoftFileLease | None = None) -> None:
        self.path, self.warn, self.lease = path, warn, lease

    def open_spec(self, spec: Mapping[str, Any], environment: Mapping[str, Any], code: Code) -> None:
        """Writes spec.json, or checks that the one there says the same, of the same data and by the same code, and
        notes a changed environment. Raises HarnessError where it says otherwise, or is not beside a checkpoint."""
        path = self.path / "spec.json"
        if not path.exists():
            if any((self.path / name).exists() for name in CHECKPOINTS):
                raise HarnessError(
                    f"{self.path} has a checkpoint, and no spec.json that says of which run; delete the folder to "
                    "start again, or choose another one with --results."
                )
            write_json(path, {"spec": spec, "hash": spec_hash(spec), "code": code, "environments": [environment]})
            return
        known = read_spec(self.path, {"spec": OBJECT, "environments": [OBJECT]})
        if known["spec"] != spec:
            difference = _difference(known["spec"], spec)
            raise HarnessError(f"{path} describes another run ({difference}); use another --results folder.")
        check_code(self.path, code)
        environments = known["environments"] or [environment]
        _check_data(path, environments[-1], environment)
        if environments[-1] != environment:
            self.warn(f"this run began elsewhere ({_difference(environments[-1], environment)}); its bits may differ.")
            write_json(path, known | {"environments": [*environments, environment]})

    def save(self, state: Mapping[str, Any]) -> None:
        """Saves a checkpoint and the records in it. Raises HarnessError, leaving the last one as it was, where it
        cannot be written, or is no longer this process's to write."""
        if self.lease and self.lease.compromise:
            raise HarnessError(
                f"this process gave no sign of life for {LEASE:g} s, and another has taken over {self.path}."
            )
        fresh, last = self.path / "checkpoint.new.pt", self.path / "checkpoint.pt"
        write_atomic(fresh, pack(state))
        if last.exists():
            rename(last, self.path / "checkpoint.previous.pt")
        rename(fresh, last)
        self.write_records(state["records"])

    def load(self) -> dict[str, Any] | None:
        """The newest state that can be read, on the CPU, or None when there is none; records.jsonl is made to agree.

        A damaged one is reported and set aside as checkpoint.damaged.pt, lest the next save take it for a good one to
        fall back on. Raises HarnessError, changing nothing, when all are damaged.
        """
        paths = [self.path / name for name in CHECKPOINTS]
        present, damaged = [path for path in paths if path.exists()], []
        for path in present:
            try:
                state = unpack(path)
            except Damaged as error:
                self.warn(f"{path} is damaged ({error}).")
                damaged.append(path)
                continue
            for bad in damaged:
                rename(bad, self.path / "checkpoint.damaged.pt")
                self.warn(f"the previous checkpoint, {path}, is used.")
            self.write_records(state["records"])
            return state
        if present:
            raise HarnessError(f"no checkpoint in {self.path} can be read; delete the folder to start again.")
        return None

    def write_records(self, records: list[dict[str, Any]]) -> None:
        write_atomic(self.path / "records.jsonl", "".join(json.dumps(record) + "\n" for record in records).encode())

    def finish(self, result: Mapping[str, Any]) -> None:
        """Writes result.json: from now on the run is done."""
        write_json(self.path / "result.json", result)


def _check_data(path: Path, known: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if known.get("data") != now.get("data"):
        raise HarnessError(f"{path.parent} was made from other data than these; use another --results folder.")


def _difference(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> str:
    """The first few entries in which two nested mappings differ: "settings.training.lr: 0.025 there, 0.1 here"."""
    found = []
    for key in {**old, **new}:
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            inner = _difference(a, b, f"{prefix}{key}.")
            found += [inner] if inner else []
        elif a != b:
            found.append(f"{visible(prefix + key)}: {visible(str(a))} there, {visible(str(b))} here")
    return "; ".join(found[:3])
