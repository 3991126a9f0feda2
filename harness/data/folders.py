"""Folders of images, in torchvision's ImageFolder layout: train/<class>/*.png, and test/ or val/ likewise."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from harness.data.decode import Encoded, decode
from harness.data.source import Source, Split, unseen_classes
from harness.errors import HarnessError


def is_image_folder(folder: Path) -> bool:
    return (folder / "train").is_dir()


def read_folder(folder: Path) -> Source:
    """Classes and files in alphabetical order; hidden files are ignored, and everything else must be an image.

    Raises HarnessError for an empty folder, a file among the class folders, or a folder among the images.
    """
    files = _files_by_class(folder / "train")
    names = tuple(files)
    tests = [folder / part for part in ("test", "val") if (folder / part).is_dir()]
    return Source(names, _split(files, names), (lambda: _test_split(tests[0], names)) if tests else None)


def _test_split(folder: Path, names: tuple[str, ...]) -> Split:
    files = _files_by_class(folder)
    if unseen := set(files) - set(names):
        raise unseen_classes(folder.parent, sorted(unseen))
    return _split(files, names)


def _files_by_class(folder: Path) -> dict[str, list[Path]]:
    classes = _visible(folder)
    if not classes:
        raise HarnessError(f"{folder} is empty; it must hold one folder of images per class.")
    return {entry.name: _files(entry) for entry in classes}


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise HarnessError(f"{folder} is a file, where one folder of images per class is expected; move it away.")
    files = _visible(folder)
    if not files:
        raise HarnessError(f"the class folder {folder} holds no images; add some or remove it.")
    return files


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _split(files: dict[str, list[Path]], names: tuple[str, ...]) -> Split:
    paths = [path for members in files.values() for path in members]
    labels = [names.index(name) for name, members in files.items() for _ in members]

    def read(rows: Tensor) -> Tensor:
        in_file_order = rows.argsort().tolist()  # so that an error names the first offender
        chosen = rows.tolist()
        encoded = (Encoded(place, str(paths[chosen[place]]), paths[chosen[place]]) for place in in_file_order)
        return decode(encoded, len(chosen))

    return Split(torch.tensor(labels), read)
