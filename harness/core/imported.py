"""Tables that the user has imported: where they are kept, and what each says of its space. No number is read here.

A table is a zip archive: `table.json`, which `Description` is, and a .npy file for each column of numbers, in the order
of the grid that the choices span, the last choice changing fastest.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.core.untrusted import DAMAGES, TEXT, WHOLE, check, loads, reason

SUFFIX = ".table.zip"
ENTRY = "table.json"
LAYOUT = 1
"""Of the file; raised when an older file can no longer be read."""
ON_TABLE = "-table"
"""What the name of the space that is searched on an imported table has after the table's own."""


@dataclass(frozen=True)
class Description:
    """What a table is of."""

    title: str
    choices: Mapping[str, tuple[str, ...]]
    """The options of each choice of the space, by the choice's name, or GROUP/NAME."""
    columns: tuple[str, ...]
    """The names of the columns of numbers; see `harness.tables.tabulated`."""
    provenance: Mapping[str, Any]
    digest: str
    """SHA-256 over all that the table says."""


def cache_folder() -> Path:
    """Where what is imported is kept unless told otherwise: $HARNESS_CACHE, else harness/ in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("HARNESS_CACHE") or cache / "harness")


def place_of(name: str) -> Path:
    """The file of the table of this name, whether or not it is there."""
    return cache_folder() / "tables" / f"{name}{SUFFIX}"


def imported() -> dict[str, Path]:
    """The files of the tables that are there, by the tables' names."""
    return {file.name.removesuffix(SUFFIX): file for file in sorted(place_of("").parent.glob(f"*{SUFFIX}"))}


def stamp(path: Path) -> tuple[int, int]:
    """Another one is another file."""
    state = path.stat()
    return state.st_mtime_ns, state.st_ino


def describe(path: Path) -> Description:
    """What the file says of itself. Raises HarnessError for one that is damaged, or of another layout."""
    return _described(path, stamp(path))


@lru_cache(maxsize=64)
def _described(path: Path, stamped: tuple[int, int]) -> Description:
    try:
        with zipfile.ZipFile(path) as archive:
            found = loads(archive.read(ENTRY))
        check(found, {"layout": WHOLE, "title": TEXT, "choices": {"*": [TEXT]}, "columns": [TEXT], "digest": TEXT})
    except (OSError, zipfile.BadZipFile, *DAMAGES) as error:
        raise HarnessError(f"the table {path} is damaged ({reason(error)}); import it again.") from None
    if found["layout"] != LAYOUT:
        raise HarnessError(
            f"{path} has the layout {found['layout']}, and this version reads {LAYOUT}; import it again."
        )
    choices = {name: tuple(options) for name, options in found["choices"].items()}
    return Description(found["title"], choices, tuple(found["columns"]), found.get("provenance", {}), found["digest"])
