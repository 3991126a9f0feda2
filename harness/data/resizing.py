"""Images of any size and shape made squares of one size: the setting `resize` of searches and evaluations."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harness.core.errors import HarnessError

Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
"""(h, w, 3), as Pillow has them."""

MULTIPLE = 4
"""The networks halve the image twice."""

HINT = "`--set resize=N` cuts the largest square out of the centre of every image and makes it NxN"


def check_side(side: int) -> None:
    """Raises HarnessError for a side that no network takes; 0 leaves images as they are."""
    if side % MULTIPLE:
        raise HarnessError(f"resize={side} is not a multiple of {MULTIPLE}, as the networks halve images twice.")


def fit(pixels: Pixels, side: int) -> Pixels:
    """The largest square around the centre (the odd pixel falls off on the right or at the bottom), scaled to (side,
    side, 3) with Pillow's antialiased bilinear filter, which torchvision uses too. A square of that side is returned
    as it is."""
    height, width, _ = pixels.shape
    square = min(height, width)
    top, left = (height - square) // 2, (width - square) // 2
    cropped = pixels[top : top + square, left : left + square]
    if square == side:
        return cropped
    return np.asarray(Image.fromarray(cropped).resize((side, side), Image.Resampling.BILINEAR))


def fit_all(pixels: Tensor, side: int) -> Tensor:
    """`fit` on each of the images (n, 3, h, w), uint8; side 0 returns them as they are."""
    if not side:
        return pixels
    images = pixels.permute(0, 2, 3, 1).numpy()
    resized = np.empty((len(images), 3, side, side), np.uint8)
    for position, image in enumerate(images):
        resized[position] = fit(image, side).transpose(2, 0, 1)
    return torch.from_numpy(resized)
