"""What a dataset is called, where it is kept, and what tells two of one name apart, before anything is read."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from harness.core.errors import HarnessError, quoted, unknown, visible
from harness.data.catalogue import DATASETS
from harness.data.layout import place_of, training_files


def default_root() -> Path:
    """Where published data sets are kept unless told otherwise: $HARNESS_DATA, else ~/.cache/harness/data."""
    return Path(os.environ.get("HARNESS_DATA") or Path.home() / ".cache" / "harness" / "data")


def short_name(name: str) -> str:
    """A known name as it is; a path by its last part, and the column that was chosen in it, in lower-case letters,
    digits and dashes."""
    if name in DATASETS:
        return name
    try:
        path, column = place_of(name)
        path = path.resolve()
        stem = path.stem if path.is_file() else path.name
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or visible(str(error))
        raise HarnessError(f"dataset {quoted(name)} is no path: {why}.") from None
    full = stem if column is None else f"{stem}-{column}"
    return re.sub(r"[^a-z0-9]+", "-", full.lower()).strip("-") or "data"


def check_name(name: str) -> None:
    """Raises HarnessError for a name that is neither known nor that of something here. What is written as a path
    passes: it may be there later."""
    if name not in DATASETS and os.sep not in name and not (name and place_of(name).path.exists()):
        raise unknown("dataset", name, DATASETS)


def file_digest(name: str) -> str | None:
    """8 hexadecimal digits over the names and sizes of a path's training files, and over the column that was chosen in
    them; None for a known name. Cheap, the same on every machine, and another for other data in all but contrived
    cases."""
    if name in DATASETS:
        return None
    root, column = place_of(name)
    try:
        listing = [f"{os.path.relpath(path, root)} {path.stat().st_size}" for path in training_files(root)]
    except OSError as error:
        raise _unreadable(error.filename or name, error) from None
    if column is not None:
        listing.append(f"::{column}")
    return hashlib.sha256("\n".join(listing).encode()).hexdigest()[:8]


def content_digest(path: str) -> str:
    """8 hexadecimal digits over the content of a file. Raises HarnessError when it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:8]
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: OSError) -> HarnessError:
    return HarnessError(f"{path if len(path) < 200 else path[:200] + '...'} cannot be read: {error.strerror}.")
