"""Folders of images, in torchvision's ImageFolder layout: train/<class>/*.png, and test/ or val/ likewise; or without
parts, <class>/*.png."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.data.class_folders import ClassFolders, class_folders
from harness.data.decode import Encoded, decode
from harness.data.source import Source, Split, unseen_classes

HELD_OUT = ("test", "val", "valid", "validation")
"""The folder beside train/ that is held out to test: the first of these that has class folders."""
EVERY = 5
"""Of a folder without parts one image in so many is held out."""


def is_image_folder(folder: Path) -> bool:
    """Whether this has train/, and not one of Parquet files."""
    return (folder / "train").is_dir() and not any((folder / "train").glob("[!.]*.parquet"))


def is_class_folder(folder: Path) -> bool:
    """Whether there are folders of images in this one."""
    return folder.is_dir() and bool(class_folders(folder).classes)


@dataclass(frozen=True, eq=False)
class Listing:
    """The image files of one part, in alphabetical order of classes and files, and their `labels` (n,), int64.

    The names are one array of bytes: a million Python strings would be copied into every worker that reads images.
    """

    folder: Path
    names: np.ndarray[Any, np.dtype[np.bytes_]]
    """(n,), `<class>/<file>`."""
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def encoded(self, row: int, position: int = 0) -> Encoded:
        """The image in this row, to be decoded."""
        path = self.folder / os.fsdecode(self.names[row])
        return Encoded(position, str(path), path)


class Listed(NamedTuple):
    """What a folder holds. `test` lists the held-out images, None where there are none."""

    classes: tuple[str, ...]
    train: Listing
    test: Callable[[], Listing] | None
    held_out: str
    """Where the test images come from."""
    notices: tuple[str, ...]


def list_folder(folder: Path) -> Listed:
    """The classes, the training images and the held-out ones of a folder in one of the layouts.

    With train/, the first of HELD_OUT that has class folders is held out. Without, the subfolders are the classes, and
    of each every n-th image is, n = EVERY, in alphabetical order: the same ones for every seed.

    Hidden files are ignored, folders without images are left out with a notice, and everything else in a class folder
    must be an image. Raises HarnessError for a folder without images, a file among the class folders of train/, class
    folders beside a held-out part, or test images of a class that has no training images.
    """
    return _in_parts(folder) if (folder / "train").is_dir() else _whole(folder)


def read_folder(folder: Path) -> Source:
    """The same, to be decoded into memory. Raises HarnessError as `list_folder` does."""
    classes, train, test, held_out, notices = list_folder(folder)
    return Source(classes, _split(train), (lambda: _split(test())) if test else None, held_out, notices)


def _in_parts(folder: Path) -> Listed:
    train = class_folders(folder / "train")
    listing = _listing(folder / "train", train, train.classes)
    if not train.classes:
        raise HarnessError(f"{folder / 'train'} holds no folder of images; it must hold one per class.")
    parts = {part: class_folders(folder / part) for part in HELD_OUT if (folder / part).is_dir()}
    filled = [part for part, found in parts.items() if found.classes]
    notices = [_left_out(folder / "train" / name) for name in train.skipped]
    notices += [_left_out(folder / part) for part in parts if part not in filled]
    notices += [_left_out(folder / part / name) for part in filled[:1] for name in parts[part].skipped]
    if filled[1:]:
        notices.append(f"{folder} has {' and '.join(f'{part}/' for part in filled)}; {filled[0]}/ is held out to test.")
    if not filled:
        return Listed(train.classes, listing, None, "", tuple(notices))
    held_out, found = folder / filled[0], parts[filled[0]]
    return Listed(
        train.classes, listing, lambda: _listing(held_out, found, train.classes), f"{filled[0]}/", tuple(notices)
    )


def _whole(folder: Path) -> Listed:
    found = class_folders(folder)
    if beside := [f"{part}/" for part in HELD_OUT if (folder / part).is_dir()]:
        raise HarnessError(f"{folder} has {beside[0]} and no train/; move the folders of the classes into train/.")
    train: list[_Row] = []
    test: list[_Row] = []
    for label, name in enumerate(found.classes):
        for position, file in enumerate(_files(folder / name), start=1):
            (train if position % EVERY else test).append((f"{name}/{file}", label))
    held_out = f"image {EVERY}, {2 * EVERY}, {3 * EVERY}, ... of each class, in alphabetical order"
    notices = [_left_out(folder / name) for name in found.skipped]
    notices.append(f"{folder} has no train/: its subfolders are the classes, and held out to test is {held_out}.")
    listing = _of_rows(folder, train)
    return Listed(found.classes, listing, (lambda: _of_rows(folder, test)) if test else None, held_out, tuple(notices))


def _left_out(folder: Path) -> str:
    return f"{folder} holds no images of a class and is left out."


_Row = tuple[str, int]
"""`<class>/<file>`, and the label."""


def _listing(folder: Path, found: ClassFolders, classes: tuple[str, ...]) -> Listing:
    if found.files:
        stray = folder / found.files[0]
        raise HarnessError(f"{stray} is a file, where one folder of images per class is expected; move it away.")
    if unseen := set(found.classes) - set(classes):
        raise unseen_classes(folder.parent, sorted(unseen))
    labels = {name: label for label, name in enumerate(classes)}
    return _of_rows(
        folder, [(f"{name}/{file}", labels[name]) for name in found.classes for file in _files(folder / name)]
    )


def _of_rows(folder: Path, rows: Sequence[_Row]) -> Listing:
    names = np.array([os.fsencode(name) for name, _ in rows])
    return Listing(folder, names, torch.tensor([label for _, label in rows]))


def _files(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def _split(listing: Listing) -> Split:
    def read(rows: Tensor, side: int) -> Tensor:
        in_file_order = rows.argsort().tolist()  # so that an error names the first offender
        chosen = rows.tolist()
        return decode((listing.encoded(chosen[place], place) for place in in_file_order), len(chosen), side)

    return Split(listing.labels, read)
