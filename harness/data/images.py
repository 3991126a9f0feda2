"""A dataset in memory: raw images on a device, and the parts of it that networks are trained on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Generator, Tensor

from harness.core import notebook
from harness.core.cutout import check_cutout, cutout
from harness.core.errors import HarnessError, quoted, unknown
from harness.data.augment import crop_and_flip, draw, normalise
from harness.data.normalisation import CONVENTIONS, Statistics, measure
from harness.data.splits import read_split


@dataclass(frozen=True, eq=False)
class Images:
    """Raw images `pixels` (n, 3, h, h), uint8, and their `labels` (n,), int64, on one device."""

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice) -> Images:
        """Consecutive images; a view, not a copy."""
        return Images(self.pixels[rows], self.labels[rows])

    def take(self, rows: Tensor) -> Images:
        """A copy of the images of these row numbers (k,)."""
        rows = rows.to(self.labels.device)
        return Images(self.pixels[rows], self.labels[rows])

    def to(self, device: str) -> Images:
        return Images(self.pixels.to(device), self.labels.to(device))

    def fingerprint(self) -> str:
        """sha256, in hexadecimal, over the pixels and then the labels, in memory order."""
        digest = hashlib.sha256(self.pixels.cpu().contiguous().numpy().data)
        digest.update(self.labels.cpu().contiguous().numpy().data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class ImagePart:
    """Images with their normalisation and their augmentation: the `Part` of harness.core.types."""

    images: Images
    mean: Tensor
    std: Tensor
    """(3,) float32, on the images' device."""
    padding: int
    """Zero pixels on each side before the random crop."""
    flip: bool
    cutout: int = 0
    """Side of the cutout square in pixels; 0 for none."""

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Tensor, augment: Generator | None) -> tuple[Tensor, Tensor]:
        """The images of these indices (B,): (B, 3, h, h), normalised float32 in channels_last memory, and their labels
        (B,), int64. With a generator (on the CPU) they are cropped, mirrored and cut out at random, as a pure function
        of the indices and the generator's state; with None they are as they are."""
        device = self.images.labels.device
        indices = indices.to(device, non_blocking=True)  # the host does not wait for what a GPU is at
        # index_select copies whole images, where plain indexing goes byte by byte.
        pixels, labels = self.images.pixels.index_select(0, indices), self.images.labels.index_select(0, indices)
        if augment is None:
            return normalise(pixels, self.mean, self.std), labels
        drawn = draw(len(labels), pixels.shape[-1], self.padding, augment).to(device, non_blocking=True)
        top, left, mirrored, rows, columns = drawn
        pixels = crop_and_flip(pixels, self.padding, top, left, mirrored * self.flip)
        images = normalise(pixels, self.mean, self.std)
        return (cutout(images, self.cutout, rows, columns) if self.cutout else images), labels


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset:
    """Labelled images in memory: the `Dataset` of harness.core.types. Made by `harness.data.load`."""

    name: str
    class_names: tuple[str, ...]
    train: Images
    fingerprint: str
    """Of `train`, on any device."""
    padding: int
    flip: bool
    shuffled: bool
    """Whether `train` was arranged by class and has been shuffled (see `harness.data.loading`)."""
    published: Mapping[str, Statistics] = field(default_factory=dict)
    """Constants by convention; where there are none, they are measured."""
    read_test: Callable[[], Images] | None = None
    held_out: str = ""
    """Where the test images come from, for a reader; empty where it goes without saying."""
    notices: tuple[str, ...] = ()
    """Sentences on what was chosen or left out, which a user should know of."""

    def __repr__(self) -> str:
        size = self.image_size
        return f"<data set {self.name}: {len(self.train):,} images of {size}x{size}, {self.classes} classes>"

    def _repr_html_(self) -> str:
        named = ", ".join(self.class_names[:10]) + (", ..." if self.classes > 10 else "")
        rows: list[tuple[str, object]] = [
            ("training images", f"{len(self.train):,}, {self.image_size}x{self.image_size} pixels"),
            ("classes", f"{self.classes}: {named}"),
            ("test part", "none" if self.read_test is None else "there is one"),
            ("device", self.train.pixels.device),
        ]
        return notebook.table(f"Data set {self.name}", rows)

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        return self.train.pixels.shape[-1]

    @cached_property
    def test(self) -> Images:
        """The test images, read on first use: a search never needs them. Raises HarnessError when there are none, or
        they do not fit the training images."""
        if self.read_test is None:
            raise HarnessError(f"dataset {quoted(self.name)} has no test part; add one to evaluate on it.")
        return self.read_test()

    def to(self, device: str) -> ImageDataset:
        """The same dataset with its images on `device`."""
        read = None if self.read_test is None else lambda: self.test.to(device)
        return replace(self, train=self.train.to(device), read_test=read)

    def statistics(self, normalisation: str, images: Images) -> Statistics:
        """The published constants of this convention, else those of `images`. Raises HarnessError for another name."""
        if normalisation not in CONVENTIONS:
            raise unknown("normalisation", normalisation, CONVENTIONS)
        return self.published.get(normalisation) or measure(images.pixels)

    def part(self, images: Images, statistics: Statistics, cutout: int = 0) -> ImagePart:
        """Images of this dataset, to train or to test on."""
        device = images.pixels.device
        mean, std = (torch.tensor(channels, dtype=torch.float32, device=device) for channels in statistics)
        return ImagePart(images, mean, std, self.padding, self.flip, cutout)

    def halves(
        self, portion: float, images: int, normalisation: str, split_file: str = ""
    ) -> tuple[ImagePart, ImagePart]:
        """The first floor(portion * n) training images, for the weights, and the rest, for alpha (ZARTS
        train_search.py:143-166), or the two lists of a split file (see `harness.data.splits`). n is at most `images`,
        or all where that is 0; both halves use one normalisation, published or measured on those n.

        Raises HarnessError when a half would be empty or the split file is not one.
        """
        selected = first(self.train, images)
        count = int(portion * len(selected))
        if split_file:
            rows = read_split(split_file, len(selected))
            weights, alpha = (selected.take(half) for half in rows)
        else:
            weights, alpha = selected[:count], selected[count:]
        if not (len(weights) and len(alpha)):
            how = f"split file {split_file}" if split_file else f"portion {portion}"
            raise HarnessError(
                f"{how} of {len(selected)} training images leaves a half empty; take a portion between 0 and 1, and "
                "more images."
            )
        statistics = self.statistics(normalisation, selected)
        return self.part(weights, statistics), self.part(alpha, statistics)

    def whole(
        self, normalisation: str, cutout: int, validation: float = 0.0, unseen: float = 0.0
    ) -> tuple[ImagePart, ImagePart]:
        """All training images, with a cutout of this side in pixels, and all test images. Where `validation` is above
        0, that share of the training images, the last in file order, stands for the test images and trains nothing. The
        share `unseen`, the first in file order, trains nothing either. Both in one normalisation, published or measured
        on all training images.

        Raises HarnessError where there is no test part, `validation` and `unseen` leave nothing to train on, or the
        cutout nothing of an image."""
        check_cutout("cutout", cutout, self.image_size)
        statistics, images = self.statistics(normalisation, self.train), len(self.train)
        first, end = int(unseen * images), images - math.ceil(validation * images)
        if first >= end:
            shares = f"validation={validation:g}" + (f" and unseen={unseen:g}" if unseen else "")
            raise HarnessError(f"{shares} of {images} images leaves none to train on.")
        training = self.part(self.train[first:end], statistics, cutout)
        return training, self.part(self.train[end:] if validation else self.test, statistics)


def first(images: Images, count: int) -> Images:
    """At most the first `count` images, or all where that is 0."""
    return images[: count or len(images)]
