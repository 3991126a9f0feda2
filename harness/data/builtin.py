"""CIFAR-10, CIFAR-100 and SVHN through torchvision."""

from __future__ import annotations

import http.client
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torchvision import datasets
from torchvision.datasets.utils import check_integrity, extract_archive

from harness.core.errors import HarnessError
from harness.data.source import Source, Split, in_memory


@dataclass(frozen=True)
class _Published:
    """A data set as its authors publish it, and torchvision's reader for it."""

    title: str
    home: str
    reader: Any
    switch: Mapping[str, Mapping[str, Any]]
    """The reader's arguments for each part."""
    places: Mapping[str, str]
    """Which entry of the root holds each part."""
    archive: str | None
    """The file that those are extracted from; None where they are published as they are."""

    def open(self, root: Path, part: str, download: bool = False) -> Any:
        """torchvision's data set, its files checked by their MD5 sums; RuntimeError when absent or damaged."""
        return self.reader(root, **self.switch[part], download=download)

    def wanted(self, part: str) -> str:
        return self.archive or self.places[part]


_CIFAR = {"train": {"train": True}, "test": {"train": False}}

_PUBLISHED = {
    "cifar10": _Published(
        "the CIFAR-10 python version",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        datasets.CIFAR10,
        _CIFAR,
        dict.fromkeys(_CIFAR, "cifar-10-batches-py"),
        "cifar-10-python.tar.gz",
    ),
    "cifar100": _Published(
        "the CIFAR-100 python version",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        datasets.CIFAR100,
        _CIFAR,
        dict.fromkeys(_CIFAR, "cifar-100-python"),
        "cifar-100-python.tar.gz",
    ),
    "svhn": _Published(
        "SVHN's cropped digits",
        "http://ufldl.stanford.edu/housenumbers/",
        datasets.SVHN,
        {"train": {"split": "train"}, "test": {"split": "test"}},
        {"train": "train_32x32.mat", "test": "test_32x32.mat"},
        None,
    ),
}


def read_builtin(name: str, root: Path, download: bool) -> Source:
    """In torchvision's file order. Raises HarnessError when files are damaged, or absent and not to be had."""
    published = _PUBLISHED[name]
    train = _obtain(published, "train", root, download)
    names = getattr(train, "classes", [str(digit) for digit in range(10)])  # SVHN's reader does not name its digits
    return Source(tuple(names), _split(train), lambda: _split(_obtain(published, "test", root, download)))


def _split(data: Any) -> Split:
    pixels = torch.from_numpy(data.data)
    if pixels.shape[-1] == 3:  # CIFAR's reader puts the channels last, SVHN's first
        pixels = pixels.permute(0, 3, 1, 2)
    return in_memory(pixels, torch.as_tensor(data.targets if hasattr(data, "targets") else data.labels))


def _obtain(published: _Published, part: str, root: Path, download: bool) -> Any:
    """Opens what is there; else extracts the archive that is there; else downloads."""
    try:
        return published.open(root, part)
    except RuntimeError:
        pass  # absent or damaged, which the rest tells apart
    place, wanted = root / published.places[part], root / published.wanted(part)
    if place.exists():
        raise HarnessError(f"{place} is damaged or incomplete; delete it, and run again to have it restored.")
    if not wanted.exists() and not download:
        raise _absent(published, part, root)
    return _restore(published, part, root)


def _restore(published: _Published, part: str, root: Path) -> Any:
    """Extracts or downloads in a temporary folder, then moves, so that nothing half-written is ever in place."""
    archive = root / published.wanted(part)
    place = published.places[part]
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as folder:
            if archive.exists():
                _extract(published, archive, folder)
            data = published.open(Path(folder), part, download=not archive.exists())
            os.replace(Path(folder, place), root / place)
            return data
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise _absent(published, part, root, f" and could not be fetched ({error})") from None


def _extract(published: _Published, archive: Path, folder: str) -> None:
    if not check_integrity(archive, published.reader.tgz_md5):
        raise HarnessError(f"{archive} is damaged; delete it and download it again from {published.home}.")
    extract_archive(archive, folder)


def _absent(published: _Published, part: str, root: Path, why: str = "") -> HarnessError:
    return HarnessError(
        f"{published.title} is not in {root}{why}; download {published.wanted(part)} from the data set's home page, "
        f"{published.home}, and put it into that folder."
    )
