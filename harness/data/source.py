"""What a reader finds in a place, before pixels are decoded: labels of every image, and a way to read some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from harness.core.errors import HarnessError


@dataclass(frozen=True)
class Split:
    """The training or the test images: `labels` (n,), int64, of all, and `read`, which takes the row numbers (k,),
    int64, of some and returns their pixels (k, 3, h, w), uint8, in the order asked for."""

    labels: Tensor
    read: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Source:
    """A place with labelled images. `test` opens the test split, None where the place has none."""

    class_names: tuple[str, ...]
    train: Split
    test: Callable[[], Split] | None


def in_memory(pixels: Tensor, labels: Tensor) -> Split:
    """A split that is already decoded: pixels (n, 3, h, w), uint8."""
    return Split(labels, lambda rows: pixels[rows].contiguous())


def unseen_classes(name: str | Path, names: Iterable[str]) -> HarnessError:
    """The error for test images of classes that no training image has."""
    return HarnessError(
        f"the test part of {name} has classes that its training part lacks: {', '.join(names)}. "
        "Remove them, or add training images."
    )
