"""Image folders too large for memory, ImageNet above all: images are read, cropped and distorted by worker processes.

The image in row i of pass p is distorted by the generator of (seed, stream, p * n + i), so a batch is the same whoever
reads it, and a stream that begins anew at any batch gives what one that never stopped would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from harness.core.errors import HarnessError
from harness.data.decode import picture
from harness.data.folders import Listing, is_class_folder, is_image_folder, list_folder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's (ZARTS utils.py:67-108)."""
JITTER = (0.4, 0.4, 0.4, 0.2)
"""Brightness, contrast, saturation, hue (ZARTS train_imagenet_distributed.py)."""

Item = tuple[int, int | None]
"""A row, and the seed of its distortion; None for none."""
Batch = tuple[Tensor, Tensor]
"""Images (B, 3, crop, crop), normalised float32, and labels (B,), int64."""


@dataclass(frozen=True)
class ImageFolder:
    """A folder with training and test images, listed and not read."""

    classes: tuple[str, ...]
    train: Listing
    test: Listing
    notices: tuple[str, ...]


def open_image_folder(name: str) -> ImageFolder:
    """Raises HarnessError where this is no image folder, or it has no test images."""
    folder = Path(name).expanduser()
    if not (is_image_folder(folder) or is_class_folder(folder)):
        raise HarnessError(
            f"{name} is no image folder: it must hold train/<class>/ folders, and val/<class>/ or test/, or <class>/."
        )
    classes, train, test, _, notices = list_folder(folder)
    if test is None:
        raise HarnessError(f"{name} has no test part; add test/<class>/ or val/<class>/ to evaluate on it.")
    return ImageFolder(classes, train, test(), notices)


class Files(Dataset[tuple[Tensor, int]]):
    """Images by item. With a seed: a random crop of random size and shape, mirroring and colour jitter; without: the
    shorter side scaled to `resize`, and the centre. Sizes in pixels."""

    def __init__(self, listing: Listing, crop: int, resize: int) -> None:
        self.listing = listing
        finish = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        random = [
            transforms.RandomResizedCrop(crop),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(*JITTER),
        ]
        self._distorted = transforms.Compose([*random, *finish])
        self._centred = transforms.Compose([transforms.Resize(resize), transforms.CenterCrop(crop), *finish])

    def __getitem__(self, item: Item) -> tuple[Tensor, int]:
        row, seed = item
        image, label = picture(self.listing.encoded(row)), int(self.listing.labels[row])
        if seed is None:
            return self._centred(image), label
        with torch.random.fork_rng(devices=[]):  # torchvision draws from the global generator
            torch.manual_seed(seed)
            return self._distorted(image), label


def read(files: Files, batches: Iterable[list[Item]], workers: int) -> Iterator[Batch]:
    """These batches in order, read ahead by so many processes. Raises HarnessError for what is no image."""
    # A DataLoader draws a seed for its workers from the global generator, which nothing here may move.
    loader: DataLoader[Any] = DataLoader(
        files,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),
    )
    try:
        yield from loader
    except HarnessError as error:  # one of a worker comes with its traceback
        raise HarnessError(
            str(error).strip().splitlines()[-1].removeprefix(f"{HarnessError.__module__}.HarnessError: ")
        ) from None


class Stream:
    """Batches by number, each read ahead of the one asked for before it."""

    def __init__(self, files: Files, items: Callable[[int], list[Item]], workers: int) -> None:
        self.files, self.items, self.workers = files, items, workers
        self._next = -1
        self._batches: Iterator[Batch] = iter(())

    def at(self, number: int) -> Batch:
        """Batch `number`; the next one in line costs no restart of the workers."""
        if number != self._next:
            self._batches = read(self.files, _Endless(self.items, number), self.workers)
        self._next = number + 1
        return next(self._batches)


@dataclass(frozen=True)
class _Endless:
    """Batches of items from one number on."""

    items: Callable[[int], list[Item]]
    start: int

    def __iter__(self) -> Iterator[list[Item]]:
        number = self.start
        while True:
            yield self.items(number)
            number += 1
