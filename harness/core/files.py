"""Writing files so that a reader, or a crash, never sees half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.core.untrusted import Shape, check, loads, reason, reported


def write_atomic(path: Path, data: bytes) -> None:
    """Writes beside the file, flushes to the disk, renames. Raises HarnessError, leaving what was there as it was."""
    temporary = path.with_name(f".{path.name}.tmp")
    with _reported(path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _replace(temporary, path)
        except OSError:
            with suppress(OSError):  # the folder may be as unwritable as the file
                temporary.unlink()
            raise


def rename(source: Path, target: Path) -> None:
    """Puts source in the place of target; it is on the disk on return. Raises HarnessError."""
    with _reported(target):
        _replace(source, target)


def write_json(path: Path, value: Any) -> None:
    write_atomic(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Raises HarnessError for a file that is not JSON."""
    try:
        return loads(path.read_bytes())
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise HarnessError(f"{path} cannot be read as JSON: {reason(error)}. Delete it to go on.") from None


def read_object(path: Path, *keys: str) -> dict[str, Any]:
    """A JSON object with these keys. Raises HarnessError for anything else."""
    value = read_json(path)
    if not isinstance(value, dict) or not set(keys) <= set(value):
        raise HarnessError(f"{path} is damaged: it is no JSON object with {', '.join(keys)}. Delete it to go on.")
    return value


def read_shaped(path: Path, shape: Mapping[str, Shape]) -> dict[str, Any]:
    """A JSON object of this shape. Raises HarnessError for anything else."""
    value = read_object(path, *(key for key in shape if not key.endswith("?")))
    with reported(path):
        check(value, shape)
    return value


def is_folder(name: str) -> bool:
    """Whether a word of the command line is the path of a folder that is there."""
    try:
        return bool(name) and Path(name).is_dir()
    except OSError:  # too long for a name
        return False


def cache_root() -> Path:
    """Where what can be worked out again is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "harness"


def selections(results: Path, protocol: str = "*") -> list[Path]:
    """The files that say what suites have selected; not those that say that an evaluation of it has failed."""
    found = results.glob(f"{protocol}/selection-*.json")
    return sorted(path for path in found if not path.name.endswith(".failed.json"))


def weights_beside(evaluation: Path) -> Path:
    """Where the network of this evaluation file is kept."""
    return evaluation.with_suffix(".weights.pt")


def make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"the folder {path} cannot be made: {error.strerror}; choose another.") from None


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror}. What was saved before is intact.") from None


def _replace(source: Path, target: Path) -> None:
    """A rename is on the disk once its folder is."""
    os.replace(source, target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
