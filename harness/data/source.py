"""What a reader finds in a place, before pixels are decoded: labels of every image, and a way to read some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from harness.core.errors import HarnessError
from harness.data.resizing import fit_all


@dataclass(frozen=True)
class Split:
    """The training or the test images: `labels` (n,), int64, of all, and `read`, which takes the row numbers (k,),
    int64, of some and a side, and returns their pixels (k, 3, h, h), uint8, in the order asked for: made squares of
    that side (see `harness.data.resizing`), or as they are where it is 0."""

    labels: Tensor
    read: Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class Source:
    """A place with labelled images. `test` opens the test split, None where the place has none."""

    class_names: tuple[str, ...]
    train: Split
    test: Callable[[], Split] | None
    held_out: str = ""
    """Where the test split comes from, for a reader; empty where it goes without saying."""
    notices: tuple[str, ...] = ()
    """Sentences on what was chosen or left out, which a user should know of."""


def in_memory(pixels: Tensor, labels: Tensor) -> Split:
    """A split that is already decoded: pixels (n, 3, h, w), uint8."""
    return Split(labels, lambda rows, side: fit_all(pixels[rows].contiguous(), side))


def unseen_classes(name: str | Path, names: Iterable[str]) -> HarnessError:
    """The error for test images of classes that no training image has."""
    return HarnessError(
        f"the test part of {name} has classes that its training part lacks: {', '.join(names)}. "
        "Remove them, or add training images."
    )
