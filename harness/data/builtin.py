"""CIFAR-10, CIFAR-100, SVHN, MNIST, Fashion-MNIST and STL-10 through torchvision."""

from __future__ import annotations

import http.client
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torchvision import datasets
from torchvision.datasets.utils import check_integrity, extract_archive

from harness.core.errors import HarnessError
from harness.data import cifar_binary
from harness.data.source import Source, Split, in_memory

PREFIX = ".download-"
"""Of the names of temporary folders."""
STALE = 24 * 3600.0
"""Seconds without a byte written after which whoever downloads is taken for dead (choice)."""


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
    archives: tuple[str, ...] = ()
    """The files of the root that those are extracted from; none where they are published as they are."""
    into: str = "."
    """The folder of the root to extract them into."""
    names: tuple[str, ...] | None = None
    """Of the classes, where the reader has none or worse ones."""

    def open(self, root: Path, part: str, download: bool = False) -> Any:
        """torchvision's data set, its files checked by their MD5 sums (MNIST's by their shape alone, once they are
        extracted); RuntimeError when absent or damaged."""
        try:
            return self.reader(root, **self.switch[part], download=download)
        except (AssertionError, ValueError, TypeError, KeyError) as error:  # MNIST's reader, of damaged files
            raise RuntimeError(str(error)) from None

    def checksum(self, archive: str) -> str:
        """The MD5 sum that torchvision knows of an archive."""
        one: str | None = getattr(self.reader, "tgz_md5", None)
        return one or dict(self.reader.resources)[Path(archive).name]

    def wanted(self, part: str) -> tuple[str, ...]:
        return self.archives or (self.places[part],)


class _LabelledSTL10(datasets.STL10):
    """STL-10 without its unlabelled images, 2.6 GB that nothing here reads and that need not be kept."""

    train_list = datasets.STL10.train_list[:2]


_CIFAR = {"train": {"train": True}, "test": {"train": False}}
_SPLIT = {"train": {"split": "train"}, "test": {"split": "test"}}
_DIGITS = tuple(str(digit) for digit in range(10))


def _mnist(title: str, reader: Any, folder: str, names: tuple[str, ...] | None) -> _Published:
    """One of the data sets in MNIST's format: four files that are packed one by one, of the same names in each."""
    return _Published(
        title,
        reader.mirrors[0],
        reader,
        _CIFAR,
        dict.fromkeys(_CIFAR, f"{folder}/raw"),
        tuple(f"{folder}/{file}" for file, _ in reader.resources),
        f"{folder}/raw",
        names,
    )


_PUBLISHED = {
    "cifar10": _Published(
        "the CIFAR-10 python version",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        datasets.CIFAR10,
        _CIFAR,
        dict.fromkeys(_CIFAR, "cifar-10-batches-py"),
        ("cifar-10-python.tar.gz",),
    ),
    "cifar100": _Published(
        "the CIFAR-100 python version",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        datasets.CIFAR100,
        _CIFAR,
        dict.fromkeys(_CIFAR, "cifar-100-python"),
        ("cifar-100-python.tar.gz",),
    ),
    "svhn": _Published(
        "SVHN's cropped digits",
        "http://ufldl.stanford.edu/housenumbers/",
        datasets.SVHN,
        _SPLIT,
        {"train": "train_32x32.mat", "test": "test_32x32.mat"},
        names=_DIGITS,
    ),
    "mnist": _mnist("MNIST", datasets.MNIST, "MNIST", _DIGITS),
    "fashion-mnist": _mnist("Fashion-MNIST", datasets.FashionMNIST, "FashionMNIST", None),
    "stl10": _Published(
        "STL-10 in binary",
        "https://cs.stanford.edu/~acoates/stl10/",
        _LabelledSTL10,
        _SPLIT,
        dict.fromkeys(_SPLIT, "stl10_binary"),
        ("stl10_binary.tar.gz",),
        names=("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"),
    ),
}


def read_builtin(name: str, root: Path, download: bool) -> Source:
    """In torchvision's file order. Raises HarnessError when files are damaged, or absent and not to be had."""
    published = _PUBLISHED[name]
    binary = root / cifar_binary.FOLDER
    if name == "cifar10" and binary.exists() and not _is_kept(published, root):
        return cifar_binary.read_binary(binary)
    train = _obtain(published, "train", root, download)
    names = published.names or tuple(train.classes)
    return Source(names, _split(train), lambda: _split(_obtain(published, "test", root, download)))


def read_copy(folder: Path) -> Source:
    """CIFAR's pickled batches where a user has them. Raises HarnessError for whatever else is pickled: only of these
    files torchvision's checksums tell that reading them runs no code."""
    folder = folder.resolve()
    for name in ("cifar10", "cifar100"):
        with suppress(RuntimeError):  # these are not its files
            return _copy_of(name, folder)
    raise HarnessError(
        f"{folder} holds pickles, which can run code, and by torchvision's checksums they are not CIFAR-10's or "
        "CIFAR-100's; give a folder of images or Parquet files, or a name of `harness list datasets`."
    )


def _copy_of(name: str, folder: Path) -> Source:
    published = _PUBLISHED[name]
    here = replace(published, reader=type("Copy", (published.reader,), {"base_folder": folder.name}))
    train = here.open(folder.parent, "train")
    notice = f"{folder} is {published.title}; the name {name} has its published normalisation, a path has not."
    return Source(
        tuple(train.classes), _split(train), lambda: _split(here.open(folder.parent, "test")), notices=(notice,)
    )


def _split(data: Any) -> Split:
    """Images (n, 3, h, w) from what CIFAR's reader has (n, h, w, 3), SVHN's and STL-10's (n, 3, h, w) and MNIST's (n,
    h, w), which become three equal channels."""
    pixels = torch.as_tensor(data.data)
    if pixels.dim() == 3:
        pixels = pixels[:, None].expand(-1, 3, -1, -1)
    elif pixels.shape[-1] == 3:
        pixels = pixels.permute(0, 3, 1, 2)
    labels = torch.as_tensor(data.targets if hasattr(data, "targets") else data.labels).long()
    if len(labels) != len(pixels):
        raise HarnessError(f"{data.root} has {len(pixels)} images and {len(labels)} labels; fetch them again.")
    return in_memory(pixels, labels)


def _obtain(published: _Published, part: str, root: Path, download: bool) -> Any:
    """Opens what is there; else extracts the archive that is there; else downloads."""
    try:
        return published.open(root, part)
    except RuntimeError:
        pass  # absent or damaged, which the rest tells apart
    place = root / published.places[part]
    if place.exists():
        raise HarnessError(f"{place} is damaged or incomplete; delete it, and run again to have it restored.")
    if not _archives_there(published, root) and not download:
        raise _absent(published, part, root)
    return _restore(published, part, root)


def _restore(published: _Published, part: str, root: Path) -> Any:
    """Extracts or downloads in a temporary folder, then moves, so that nothing half-written is ever in place."""
    place = published.places[part]
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=root) as folder:
            there = _archives_there(published, root)
            if there:
                _extract(published, root, Path(folder))
            data = published.open(Path(folder), part, download=not there)
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(folder, place), root / place)
            return data
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise _absent(published, part, root, f" and could not be fetched ({error})") from None


def _sweep(root: Path) -> None:
    """Deletes the temporary folders of downloads that were killed; what one of another process writes is younger."""
    for left in root.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another process may sweep, too
            if time.time() - max(path.stat().st_mtime for path in (left, *left.rglob("*"))) > STALE:
                shutil.rmtree(left)


def _is_kept(published: _Published, root: Path) -> bool:
    """Whether the version that torchvision reads is there, extracted or not."""
    return _archives_there(published, root) or any((root / place).exists() for place in published.places.values())


def _archives_there(published: _Published, root: Path) -> bool:
    return bool(published.archives) and all((root / archive).exists() for archive in published.archives)


def _extract(published: _Published, root: Path, folder: Path) -> None:
    (folder / published.into).mkdir(parents=True, exist_ok=True)
    for archive in published.archives:
        if not check_integrity(root / archive, published.checksum(archive)):
            raise HarnessError(f"{root / archive} is damaged; delete it and download it again from {published.home}.")
        extract_archive(root / archive, folder / published.into)


def _absent(published: _Published, part: str, root: Path, why: str = "") -> HarnessError:
    wanted = [Path(file) for file in published.wanted(part)]
    where = root / wanted[0].parent
    return HarnessError(
        f"{published.title} is not in {root}{why}; download {' and '.join(file.name for file in wanted)} from the data "
        f"set's home page, {published.home}, and put {'it' if len(wanted) == 1 else 'them'} into "
        f"{'that folder' if where == root else where}."
    )
