"""The run folder: spec.json, records.jsonl, checkpoint.pt, result.json.

Everything is written beside its place and renamed. The checkpoint before the last is kept as checkpoint.previous.pt and
used, with a warning, when the last one is damaged. The records are in the checkpoint too, so records.jsonl always
agrees with it. A checkpoint holds tensors and plain values only and loads with weights_only=True: opening somebody's
run folder executes nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.errors import HarnessError
from harness.files import make_folder, read_json, write_atomic, write_json

FORMAT = 1
"""Of spec and checkpoint; raised when a change makes the same spec give other numbers."""


def spec_hash(spec: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


class RunFolder:
    """One run on disk. Use as a context manager: it holds the folder's lock, which dies with the process."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self.path, self.warn = path, warn
        self._lock = FileLock(path / "lock")

    def __enter__(self) -> RunFolder:
        make_folder(self.path)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise HarnessError(
                f"another process is working in {self.path}; wait for it, or stop it, then run the command again."
            ) from None
        except OSError as error:
            raise HarnessError(
                f"{self.path} cannot be written: {error.strerror}; choose another folder with --results."
            ) from None
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def open_spec(self, spec: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Writes spec.json, or checks that the one there says the same and notes a changed environment."""
        path = self.path / "spec.json"
        if not path.exists():
            write_json(path, {"spec": spec, "hash": spec_hash(spec), "environments": [environment]})
            return
        known = read_json(path)
        if known.get("spec") != spec:
            raise HarnessError(
                f"{path} describes another run ({_difference(known.get('spec', {}), spec)}); "
                "use another --results folder."
            )
        environments = known["environments"]
        _check_data(path, environments[-1], environment)
        if environments[-1] != environment:
            self.warn(f"this run began elsewhere ({_difference(environments[-1], environment)}); its bits may differ.")
            write_json(path, known | {"environments": [*environments, environment]})

    def save(self, state: Mapping[str, Any]) -> None:
        """Saves a checkpoint and the records in it. Raises HarnessError, leaving the last one as it was."""
        import torch

        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "state": state, "checksum": _checksum(state)}, buffer)
        fresh, last = self.path / "checkpoint.new.pt", self.path / "checkpoint.pt"
        write_atomic(fresh, buffer.getvalue())
        if last.exists():
            os.replace(last, self.path / "checkpoint.previous.pt")
        os.replace(fresh, last)
        self.write_records(state["records"])

    def load(self, device: str) -> dict[str, Any] | None:
        """The newest checkpoint that can be read, or None when there is none. Damaged ones are reported."""
        paths = [self.path / name for name in ("checkpoint.pt", "checkpoint.previous.pt")]
        present = [path for path in paths if path.exists()]
        for path in present:
            try:
                return _read_checkpoint(path, device)
            except Damaged as error:
                self.warn(f"{path} is damaged ({error}); the previous checkpoint is used.")
        if present:
            raise HarnessError(f"no checkpoint in {self.path} can be read; delete the folder to start again.")
        return None

    def write_records(self, records: list[dict[str, Any]]) -> None:
        write_atomic(self.path / "records.jsonl", "".join(json.dumps(record) + "\n" for record in records).encode())

    def finish(self, result: Mapping[str, Any]) -> None:
        """Writes result.json: from now on the run is done."""
        write_json(self.path / "result.json", result)


class Damaged(Exception):
    """A checkpoint that cannot be read."""


def _read_checkpoint(path: Path, device: str) -> dict[str, Any]:
    import torch

    try:
        content = torch.load(path, map_location=device, weights_only=True)
        state, checksum = content["state"], content["checksum"]
    except Exception as error:  # whatever a damaged file makes the unpickler raise
        raise Damaged(str(error).splitlines()[0][:100]) from None
    if content["format"] != FORMAT:
        raise HarnessError(f"{path} has format {content['format']}, this is {FORMAT}; use another --results.")
    if _checksum(state) != checksum:
        raise Damaged("its checksum does not match")
    return state


def _checksum(value: Any) -> str:
    """Of all tensors and plain values in a nested state, in order."""
    import torch

    digest = hashlib.blake2b(digest_size=16)

    def add(item: Any) -> None:
        if isinstance(item, torch.Tensor):
            digest.update(f"{item.dtype}{tuple(item.shape)}".encode())
            digest.update(item.detach().cpu().contiguous().numpy().tobytes())
        elif isinstance(item, Mapping):
            for key, entry in item.items():
                digest.update(str(key).encode())
                add(entry)
        elif isinstance(item, list):
            for entry in item:
                add(entry)
        else:
            digest.update(repr(item).encode())

    add(value)
    return digest.hexdigest()


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
