"""Cutout (DeVries and Taylor 2017, arXiv:1708.04552; DARTS utils.py), of searches and of final networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from torch import Generator, Tensor


def check_cutout(setting: str, length: int, side: int) -> None:
    """Raises HarnessError where squares of `length` pixels are larger than images of this side (choice): DARTS cuts 16
    out of 32, but of 8 by 8 they would leave nothing, and training would go on all the same."""
    if length > side:
        raise HarnessError(
            f"{setting}={length} leaves little or nothing of images of side {side}; set it to {side // 2}, half of "
            "that as DARTS does on CIFAR, or less."
        )


def cutout(images: Tensor, length: int, rows: Tensor, columns: Tensor) -> Tensor:
    """The images (B, C, h, w) with zeros in one square of `length` pixels each, centred at rows, columns (B,) and
    clipped at the borders. For normalised images, whose zero is the mean."""
    height, width = images.shape[-2:]
    inside_rows = _within(height, rows, length)
    inside_columns = _within(width, columns, length)
    return images.masked_fill((inside_rows[:, :, None] & inside_columns[:, None, :])[:, None], 0)


def some_cut_out(images: Tensor, length: int, probability: float, draw: Generator) -> Tensor:
    """The images (B, C, h, w), each with a square of `length` pixels cut out of it with this probability, at a centre
    drawn uniformly. What is drawn, on the CPU, does not depend on the length and the probability."""
    import torch

    count, (height, width) = len(images), images.shape[-2:]
    rows, columns = (torch.randint(bound, (count,), generator=draw) for bound in (height, width))
    chosen = torch.rand(count, generator=draw, dtype=torch.float64) < probability
    rows, columns, chosen = (each.to(images.device, non_blocking=True) for each in (rows, columns, chosen))
    return torch.where(chosen[:, None, None, None], cutout(images, length, rows, columns), images)


def _within(size: int, centres: Tensor, length: int) -> Tensor:
    """Which of 0 to size-1 lie in the `length` positions around each centre: (B, size) bool."""
    import torch

    offset = torch.arange(size, device=centres.device) - (centres[:, None] - length // 2)
    return (offset >= 0) & (offset < length)
