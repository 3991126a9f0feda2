"""What a dataset holds, in lines of text; finding that out reads and verifies every image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.data.images import ImageDataset, Images
from harness.data.loading import load
from harness.data.normalisation import Channels, measure

FEW_CLASSES = 20
"""Up to so many classes are listed one by one."""


@dataclass(frozen=True)
class Report:
    """Findings about one dataset."""

    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)


def check(name: str, root: Path | None = None, resize: int = 0) -> Report:
    """Reads all of a dataset that is already here, with its images resized as `load` does. Raises HarnessError as
    `load` does."""
    return _report(load(name, root, download=False, resize=resize), resize)


def prepare(name: str, root: Path | None = None) -> Report:
    """Fetches a published data set if it is absent, then checks it as `check` does."""
    return _report(load(name, root))


def _report(dataset: ImageDataset, resize: int = 0) -> Report:
    measured = measure(dataset.train.pixels)
    size = dataset.image_size
    fit = "cut to squares and resized" if resize else "square, a multiple of 4: ok"
    source = f", from {dataset.held_out}" if dataset.held_out else ""
    return Report(
        (
            f"{dataset.name}: {dataset.classes} classes, all images {size}x{size} pixels ({fit})",
            f"train: {_counts(dataset.train, dataset.class_names)}",
            f"test: {_counts(dataset.test, dataset.class_names) + source if dataset.read_test else 'none'}",
            f"mean of the training pixels: {_channels(measured.mean)}; standard deviation: {_channels(measured.std)}",
            f"order: {_order(dataset)}",
            f"fingerprint of the training part: {dataset.fingerprint}",
            *(f"notice: {notice}" for notice in dataset.notices),
        )
    )


def _counts(images: Images, names: tuple[str, ...]) -> str:
    counts = images.labels.bincount(minlength=len(names)).tolist()
    total = f"{len(images):,} images"
    if len(names) <= FEW_CLASSES:
        return f"{total}: " + ", ".join(f"{name} ({count:,})" for name, count in zip(names, counts, strict=True))
    return f"{total}: {min(counts):,} to {max(counts):,} in each of {len(names)} classes"


def _channels(values: Channels) -> str:
    return " ".join(f"{value:.5f}" for value in values)


def _order(dataset: ImageDataset) -> str:
    if dataset.shuffled:
        return "the files are arranged by class; the training part is put in a fixed random order"
    return "as in the files"
