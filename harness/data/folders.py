"""Folders of images, in torchvision's ImageFolder layout: train/<class>/*.png, and test/ or val/ likewise."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.data.decode import Encoded, decode
from harness.data.source import Source, Split, unseen_classes


def is_image_folder(folder: Path) -> bool:
    return (folder / "train").is_dir()


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


def list_folder(folder: Path) -> tuple[tuple[str, ...], Listing, Callable[[], Listing] | None]:
    """The classes, the training images, and what lists the test images, None where there is neither test/ nor val/.

    Hidden files are ignored, and everything else must be an image. Raises HarnessError for an empty folder, a file
    among the class folders, or test images of a class that has no training images.
    """
    classes = tuple(_class_folders(folder / "train"))
    tests = [folder / part for part in ("test", "val") if (folder / part).is_dir()]
    return classes, _listing(folder / "train", classes), (lambda: _listing(tests[0], classes)) if tests else None


def read_folder(folder: Path) -> Source:
    """The same, to be decoded into memory. Raises HarnessError as `list_folder` does."""
    classes, train, test = list_folder(folder)
    return Source(classes, _split(train), (lambda: _split(test())) if test else None)


def _listing(folder: Path, classes: tuple[str, ...]) -> Listing:
    found = _class_folders(folder)
    if unseen := set(found) - set(classes):
        raise unseen_classes(folder.parent, sorted(unseen))
    files = [(name, classes.index(name)) for name in found]
    rows = [(os.fsencode(f"{name}/{file}"), label) for name, label in files for file in _files(folder / name)]
    return Listing(folder, np.array([name for name, _ in rows]), torch.tensor([label for _, label in rows]))


def _class_folders(folder: Path) -> list[str]:
    classes = _visible(folder)
    if not classes:
        raise HarnessError(f"{folder} is empty; it must hold one folder of images per class.")
    return classes


def _files(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise HarnessError(f"{folder} is a file, where one folder of images per class is expected; move it away.")
    files = _visible(folder)
    if not files:
        raise HarnessError(f"the class folder {folder} holds no images; add some or remove it.")
    return files


def _visible(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def _split(listing: Listing) -> Split:
    def read(rows: Tensor) -> Tensor:
        in_file_order = rows.argsort().tolist()  # so that an error names the first offender
        chosen = rows.tolist()
        return decode((listing.encoded(chosen[place], place) for place in in_file_order), len(chosen))

    return Split(listing.labels, read)
