"""The run folder: spec.json, records.jsonl, checkpoint.pt, result.json.

Everything is written beside its place and renamed. The checkpoint before the last is kept as checkpoint.previous.pt and
used, with a warning, when the last one is damaged. The records are in the checkpoint too, so records.jsonl always
agrees with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.checkpoint import Damaged, pack, unpack
from harness.errors import HarnessError
from harness.files import make_folder, read_object, rename, write_atomic, write_json


def spec_hash(spec: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


@contextmanager
def locked(folder: Path, wait: bool) -> Iterator[None]:
    """Makes the folder and holds its lock, which dies with the process. Raises HarnessError when it cannot be written,
    or, unless it is to wait, when another process holds the lock."""
    make_folder(folder)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise HarnessError(
            f"another process is working in {folder}; wait for it, or stop it, then run the command again."
        ) from None
    except OSError as error:
        raise HarnessError(
            f"{folder} cannot be written: {error.strerror}; choose another folder with --results."
        ) from None
    try:
        yield
    finally:
        lock.release()


class RunFolder:
    """One run on disk. Whoever writes to it holds its lock: `with locked(folder.path, wait=False)`."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self.path, self.warn = path, warn

    def open_spec(self, spec: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Writes spec.json, or checks that the one there says the same and notes a changed environment."""
        path = self.path / "spec.json"
        if not path.exists():
            write_json(path, {"spec": spec, "hash": spec_hash(spec), "environments": [environment]})
            return
        known = read_object(path, "spec", "environments")
        if known["spec"] != spec:
            difference = _difference(known["spec"], spec) if isinstance(known["spec"], Mapping) else "it is damaged"
            raise HarnessError(f"{path} describes another run ({difference}); use another --results folder.")
        environments = known["environments"] or [environment]
        _check_data(path, environments[-1], environment)
        if environments[-1] != environment:
            self.warn(f"this run began elsewhere ({_difference(environments[-1], environment)}); its bits may differ.")
            write_json(path, known | {"environments": [*environments, environment]})

    def save(self, state: Mapping[str, Any]) -> None:
        """Saves a checkpoint and the records in it. Raises HarnessError, leaving the last one as it was."""
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
        paths = [self.path / name for name in ("checkpoint.pt", "checkpoint.previous.pt")]
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
            found.append(f"{prefix}{key}: {a} there, {b} here")
    return "; ".join(found[:3])
