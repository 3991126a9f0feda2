"""What every data set owes its users."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from harness.data.images import Images
from harness.data.loading import load
from harness.testing.requirement import require

FEW = 16


def holds_labelled_squares(name: str) -> None:
    """Square images of three channels, uint8, with a label of the named classes each; in its test part too."""
    dataset = load(name)
    _require_images("training", dataset.train, dataset.classes)
    if dataset.read_test:
        _require_images("test", dataset.test, dataset.classes)


def reads_the_same_again(name: str) -> None:
    """Every time the same images in the same order, and the first ones where only some are read."""
    dataset = load(name)
    require(dataset.fingerprint == load(name).fingerprint, "two readings of its training part differ")
    few = load(name, images=FEW).train
    require(torch.equal(few.pixels, dataset.train.pixels[:FEW]), f"its first {FEW} images are others when read alone")


def can_be_searched(name: str) -> None:
    """It has two halves, and each batch is finite."""
    for part in load(name).halves(0.5, 0, "darts"):
        images, labels = part.batch(torch.arange(min(FEW, len(part))), torch.Generator().manual_seed(0))
        require(len(images) == len(labels), f"a batch has {len(images)} images and {len(labels)} labels")
        require(bool(images.isfinite().all()), "a batch has values that are not finite")


def _require_images(part: str, images: Images, classes: int) -> None:
    pixels, labels = images.pixels, images.labels
    square = pixels.dim() == 4 and pixels.shape[1] == 3 and pixels.shape[2] == pixels.shape[3]
    require(square, f"its {part} images are {tuple(pixels.shape)}, and must be (n, 3, side, side)")
    require(pixels.dtype == torch.uint8, f"its {part} images are {pixels.dtype}, and must be torch.uint8")
    require(labels.shape == (len(pixels),), f"{len(pixels)} {part} images have labels {tuple(labels.shape)}")
    require(labels.dtype == torch.int64, f"its {part} labels are {labels.dtype}, and must be torch.int64")
    low, high = int(labels.min()), int(labels.max())
    require(0 <= low <= high < classes, f"its {part} labels are from {low} to {high}, and it names {classes} classes")


CHECKS: Mapping[str, Callable[[str], None]] = {
    "holds labelled squares": holds_labelled_squares,
    "reads the same again": reads_the_same_again,
    "can be searched": can_be_searched,
}
"""In words, what a data set is held to, by its name."""
