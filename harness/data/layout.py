"""Where a path keeps its training files, by names alone: nothing is opened, and no reader is imported.

A dataset is written `PATH`, or `PATH::COLUMN` where a Parquet file has several columns that could be its label.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from harness.core.errors import HarnessError

HELD_OUT_SPLITS = ("test", "validation", "valid", "val", "dev")
"""Parquet splits that serve as the held-out part: the first of them that is there."""

# What counts as a training file wherever it is found, so that the identity of a folder never changed with the layouts
# that came later.
_EARLY = ("[!.]*.parquet", "data/[!.]*.parquet", "train/*/[!.]*")


class Place(NamedTuple):
    """A path, and the column that a user chose as the label; None for the usual one."""

    path: Path
    column: str | None


def place_of(name: str) -> Place:
    """What `PATH` or `PATH::COLUMN` means; a path that exists as it is written has no column."""
    path, separator, column = name.rpartition("::")
    if not separator or os.path.exists(os.path.expanduser(name)):
        return Place(Path(name).expanduser(), None)
    return Place(Path(path).expanduser(), column)


def parquet_files(folder: Path, split: str) -> list[Path]:
    """The sorted Parquet files of a split in one of the hub's layouts: shards, one file, or a folder of the split's
    name, there or in `data/`. Raises HarnessError when their names tell that some are missing."""
    places = [(folder, _names(folder)), (folder / "data", _names(folder / "data"))]
    for start in (f"{split}-", f"{split}."):
        for place, names in places:
            files = [place / name for name in names if name.startswith(start) and name.endswith(".parquet")]
            if files:
                return _complete(files, split)
    for place, names in places:
        if split in names:
            files = [place / split / name for name in _names(place / split) if name.endswith(".parquet")]
            if files:
                return _complete(files, split)
    return []


def _names(folder: Path) -> list[str]:
    """The sorted names of what a folder holds that is not hidden; none where it is no folder."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        return []


def _complete(files: list[Path], split: str) -> list[Path]:
    total = re.search(r"-of-(\d+)(?:-[0-9a-f]+)?\.parquet$", files[0].name)
    if total and int(total[1]) != len(files):
        raise HarnessError(
            f"{files[0].parent} holds {len(files)} of the {int(total[1])} {split} files that {files[0].name} promises; "
            "download the rest."
        )
    return files


def parquet_home(folder: Path) -> Path | None:
    """The folder with the training files: this one, or the only configuration in it (`plain_text/train-*.parquet`).
    None where there is none; raises HarnessError where there are several."""
    if parquet_files(folder, "train"):
        return folder
    configurations = [
        inner
        for outer in (folder, folder / "data")
        for name in _names(outer)
        if parquet_files(inner := outer / name, "train")
    ]
    if len(configurations) > 1:
        names = ", ".join(path.name for path in configurations)
        raise HarnessError(f"{folder} holds several data sets: {names}. Give the folder of one: {configurations[0]}.")
    return configurations[0] if configurations else None


def training_files(root: Path) -> list[Path]:
    """The sorted files that tell one data set from another of the same name."""
    if root.is_file():
        return [root]
    found = {path for pattern in _EARLY for path in root.glob(pattern)}
    if not _early(root):
        home = parquet_home(root)
        files = parquet_files(home, "train") if home else [*root.glob("[!.]*"), *root.glob("[!.]*/[!.]*")]
        found.update(path for path in files if not path.is_dir())
    return sorted(found)


def _early(root: Path) -> bool:
    """Whether the folder has a layout whose training files all match the early patterns."""
    patterns = ("train/*/[!.]*", "train-*.parquet", "data/train-*.parquet")
    return any(next(iter(root.glob(pattern)), None) is not None for pattern in patterns)
