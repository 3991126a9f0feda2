"""Which folders hold the images of a class, and which came along with them: `__MACOSX`, `.ipynb_checkpoints`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from harness.core.errors import HarnessError

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".jp2")
"""Files of these names are images, or damaged ones, without a look into them."""


class ClassFolders(NamedTuple):
    """The sorted names of what is in a folder: folders with images, folders without, and files that are not hidden."""

    classes: tuple[str, ...]
    skipped: tuple[str, ...]
    files: tuple[str, ...]


def class_folders(folder: Path) -> ClassFolders:
    """Hidden folders are never classes. Raises HarnessError for a folder that may not be read."""
    try:
        return _sorted_out(folder)
    except OSError as error:
        raise HarnessError(f"{error.filename} cannot be read: {error.strerror}.") from None


def _sorted_out(folder: Path) -> ClassFolders:
    classes, skipped, files = [], [], []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            hidden = entry.name.startswith(".")
            if not entry.is_dir():
                files += [] if hidden else [entry.name]
            elif hidden or not _holds_images(entry.path):
                skipped.append(entry.name)
            else:
                classes.append(entry.name)
    return ClassFolders(tuple(classes), tuple(skipped), tuple(files))


def _holds_images(folder: str) -> bool:
    """Whether any file is an image by its name or, failing that, by its content."""
    others = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.is_dir():
                continue
            if entry.name.lower().endswith(IMAGES):
                return True
            others.append(entry.path)
    return any(_is_image(path) for path in others)


def _is_image(path: str) -> bool:
    try:
        with Image.open(path):
            return True
    except Exception:  # Pillow's readers raise anything for what is not theirs
        return False
