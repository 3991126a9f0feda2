"""Training images that a search reads from their files as it goes, ImageNet's above all (ZARTS supplement 2.7).

What is done to an image depends on a seed of its own alone, which the batch draws for it; so a batch is the same
however many threads read it, and whether or not it was read ahead.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock

import torch
from PIL import Image
from torch import Generator, Tensor
from torchvision.transforms import functional as F

from harness.core.errors import HarnessError, quoted
from harness.core.rng import generator
from harness.data.augment import normalise
from harness.data.decode import picture
from harness.data.folders import Listing, is_class_folder, is_image_folder, list_folder
from harness.data.identity import short_name
from harness.data.resizing import MULTIPLE
from harness.data.streaming import JITTER, MEAN, STD

AREA, SHAPE, TRIES = (0.08, 1.0), (3 / 4, 4 / 3), 10
"""Of a random crop: its share of the image, its width by its height, and after how many draws that do not fit in the
image the centre is taken (torchvision's RandomResizedCrop)."""
SHORTER = 256 / 224
"""The shorter side of an image whose centre is taken, by the side of the crop (ZARTS train_imagenet_distributed.py)."""
MOST_THREADS = 16

Batch = tuple[Tensor, Tensor]

_BEGINNING = Lock()
"""Of threads, one at a time."""


@dataclass(frozen=True, eq=False)
class StreamedPart:
    """Some images of a folder. `crop` is the side of what is made of them, in pixels."""

    listing: Listing
    rows: Tensor
    """(n,), of the listing"""
    crop: int
    jitter: bool
    """Whether colours are distorted, too."""
    device: str
    readers: ThreadPoolExecutor = field(default_factory=lambda: _threads(os.cpu_count() or 1))
    """Read and decode single images; Pillow lets other threads work meanwhile."""
    assembler: ThreadPoolExecutor = field(default_factory=lambda: _threads(1))
    """Reads batches ahead."""
    ahead: dict[bytes, Future[Batch]] = field(default_factory=dict)
    """Batches that are being read, by what they were asked for with."""

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: Tensor, augment: Generator | None) -> Batch:
        """The images of these indices (B,): (B, 3, crop, crop), normalised float32 in channels_last memory, and their
        labels (B,), int64. With a generator: a random crop of random size and shape, mirrored and perhaps jittered;
        without: the centre. Raises HarnessError, naming it, for what is no image."""
        seeds = _seeds(len(indices), augment)
        future = self.ahead.pop(_key(indices, seeds), None)
        images, labels = future.result() if future else self._read(indices, seeds)
        return images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)

    def expect(self, indices: Tensor, augment: Generator | None) -> None:
        """Begins to read a batch that will be asked for; one that was expected and has not been is forgotten."""
        seeds = _seeds(len(indices), augment)
        self.ahead.clear()
        self.ahead[_key(indices, seeds)] = self.assembler.submit(self._read, indices, seeds)

    def _read(self, indices: Tensor, seeds: list[int | None]) -> Batch:
        rows = self.rows[indices].tolist()
        images = torch.empty(len(rows), 3, self.crop, self.crop, memory_format=torch.channels_last)
        for _ in self.readers.map(self._place, images, rows, seeds):
            pass  # asking for the result raises what the thread raised
        return images, self.listing.labels[torch.tensor(rows)]

    def _place(self, place: Tensor, row: int, seed: int | None) -> None:
        """Writes an image to its place (3, crop, crop) in the batch."""
        image = picture(self.listing.encoded(row))
        if seed is None:
            image = _centre(image, self.crop)
        else:
            image = _distorted(image, self.crop, self.jitter, torch.Generator().manual_seed(seed))
        mean, std = (torch.tensor(channels) for channels in (MEAN, STD))
        place.copy_(normalise(F.pil_to_tensor(image)[None], mean, std)[0])


@dataclass(frozen=True, eq=False)
class StreamedDataset:
    """The `Dataset` of harness.core.types whose images stay in their files. Made by `open_streamed`."""

    name: str
    class_names: tuple[str, ...]
    listing: Listing
    share: float
    image_size: int
    jitter: bool
    notices: tuple[str, ...] = ()
    device: str = "cpu"

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @cached_property
    def fingerprint(self) -> str:
        """Of the names and labels of the training images: their content is never read as a whole."""
        digest = hashlib.sha256(self.listing.names.tobytes())
        digest.update(self.listing.labels.numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: str) -> StreamedDataset:
        return replace(self, device=device)

    def halves(
        self, portion: float, images: int, normalisation: str, split_file: str = ""
    ) -> tuple[StreamedPart, StreamedPart]:
        """A share of the training images, drawn once and uniformly, the same for every seed; of these at most `images`,
        where that is not 0; the first `portion` of them for the weights, and the rest for alpha. Whatever the
        `normalisation`, it is by ImageNet's constants. Raises HarnessError where a half would be empty, or for a split
        file."""
        if split_file:
            raise HarnessError("split_file names rows of images in memory; set crop=0 with it, or leave it out.")
        count = math.floor(self.share * len(self.listing))
        order = torch.randperm(len(self.listing), generator=generator(0, "data order"))[:count]
        order = order[: images or count]
        weights = math.floor(portion * len(order))
        if not 0 < weights < len(order):
            raise HarnessError(
                f"portion {portion} of {len(order)} images leaves a half empty; give more images, or a larger share."
            )
        return self._part(order[:weights]), self._part(order[weights:])

    def _part(self, rows: Tensor) -> StreamedPart:
        return StreamedPart(self.listing, rows, self.image_size, self.jitter, self.device)


def open_streamed(name: str, crop: int, share: float, jitter: bool) -> StreamedDataset:
    """An image folder, listed and not read, for crops of so many pixels a side from a share of its training images.
    Raises HarnessError for what is none, and for a side that no network takes."""
    if crop % MULTIPLE:
        raise HarnessError(f"crop={crop} is not a multiple of {MULTIPLE}, as the networks halve images twice.")
    folder = Path(name).expanduser()
    if not (is_image_folder(folder) or is_class_folder(folder)):
        raise HarnessError(
            f"crop={crop} reads images from their files, and {quoted(name)} is no folder of images; give one, or set "
            "crop=0."
        )
    listed = list_folder(folder)
    if len(listed.classes) < 2:
        raise HarnessError(f"{quoted(name)} has fewer than 2 classes; there is nothing to tell apart.")
    return StreamedDataset(short_name(name), listed.classes, listed.train, share, crop, jitter, listed.notices)


def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(MOST_THREADS, count), thread_name_prefix="images", initializer=_begin)


def _begin() -> None:
    """torch prepares every thread at its first use there, which fails in a forked process where two do so at once."""
    with _BEGINNING:
        torch.get_num_threads()


def _seeds(count: int, augment: Generator | None) -> list[int | None]:
    """One for each image; None for none."""
    return [None] * count if augment is None else torch.randint(2**62, (count,), generator=augment).tolist()


def _key(indices: Tensor, seeds: list[int | None]) -> bytes:
    return indices.numpy().tobytes() + repr(seeds).encode()


def _centre(image: Image.Image, crop: int) -> Image.Image:
    centre: Image.Image = F.center_crop(F.resize(image, round(SHORTER * crop)), crop)
    return centre


def _distorted(image: Image.Image, crop: int, jitter: bool, draw: Generator) -> Image.Image:
    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=draw, dtype=torch.float64))

    top, left, height, width = _box(*image.size, uniform)
    image = F.resized_crop(image, top, left, height, width, [crop, crop])
    if uniform(0, 1) < 0.5:
        image = F.hflip(image)
    return _jittered(image, uniform, draw) if jitter else image


def _box(width: int, height: int, uniform: Callable[[float, float], float]) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random crop."""
    for _ in range(TRIES):
        area, shape = width * height * uniform(*AREA), math.exp(uniform(*map(math.log, SHAPE)))
        w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            return int(uniform(0, height - h + 1)), int(uniform(0, width - w + 1)), h, w
    w, h = min(width, round(height * SHAPE[1])), min(height, round(width / SHAPE[0]))
    return (height - h) // 2, (width - w) // 2, h, w


def _jittered(image: Image.Image, uniform: Callable[[float, float], float], draw: Generator) -> Image.Image:
    """Brightness, contrast, saturation and hue, in a random order (torchvision's ColorJitter)."""
    brightness, contrast, saturation, hue = JITTER
    changes = (
        lambda image: F.adjust_brightness(image, uniform(1 - brightness, 1 + brightness)),
        lambda image: F.adjust_contrast(image, uniform(1 - contrast, 1 + contrast)),
        lambda image: F.adjust_saturation(image, uniform(1 - saturation, 1 + saturation)),
        lambda image: F.adjust_hue(image, uniform(-hue, hue)),
    )
    for number in torch.randperm(len(changes), generator=draw).tolist():
        image = changes[number](image)
    return image
