"""Encoded images (PNG, JPEG, WebP, ...) to raw pixels, with Pillow."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harness.core.errors import HarnessError

THREADS = 2
"""Pillow decodes outside Python's global lock; small images gain nothing from more threads than this."""
BATCH = 1024
"""Images read ahead of the decoder, so that a large file is never in memory as a whole."""
MULTIPLE = 4
"""The networks halve the image twice."""

# What Pillow's readers are known to raise for bytes that are no image, or a damaged one.
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
"""(h, w, 3), as Pillow has them."""


class Encoded(NamedTuple):
    """One image to decode: its place in the result, how an error names it, and its bytes or file."""

    position: int
    name: str
    source: bytes | Path


def decode(encoded: Iterable[Encoded], count: int) -> Tensor:
    """Exactly `count` (1 or more) images as (count, 3, h, h), uint8; grey ones are repeated to three channels.

    Raises HarnessError, naming the first offender, for what is no image, is not square, has sides that are no multiple
    of 4, differs in size from the first, or has more than 8 bits per channel.
    """
    remaining = iter(encoded)
    first = next(remaining)
    size = _checked_size(first)
    pixels = np.empty((count, 3, size, size), np.uint8)

    def place(images: Sequence[Encoded]) -> None:
        for image in images:
            pixels[image.position] = _pixels(image, size).transpose(2, 0, 1)

    with ThreadPoolExecutor(THREADS) as pool:
        for batch in _batches(chain([first], remaining)):
            share = -(-len(batch) // THREADS)
            for _ in pool.map(place, (batch[:share], batch[share:])):
                pass  # asking for the result raises what the thread raised
    return torch.from_numpy(pixels)


def _batches(encoded: Iterator[Encoded]) -> Iterator[list[Encoded]]:
    while batch := list(islice(encoded, BATCH)):
        yield batch


def _checked_size(encoded: Encoded) -> int:
    height, width, _ = rgb(encoded).shape
    if height != width or height % MULTIPLE:
        raise HarnessError(
            f"{encoded.name} is {width}x{height} pixels; images must be square, with a side that is a multiple of "
            f"{MULTIPLE}. Resize or crop them first."
        )
    return height


def _pixels(encoded: Encoded, size: int) -> Pixels:
    pixels = rgb(encoded)
    if pixels.shape[:2] != (size, size):
        raise HarnessError(
            f"{encoded.name} is {pixels.shape[1]}x{pixels.shape[0]} pixels and the first image is {size}x{size}; "
            "resize them to one size first."
        )
    return pixels


def rgb(encoded: Encoded) -> Pixels:
    """One image of any size. Raises HarnessError, naming it, when it cannot be read or has more than 8 bits."""
    source = BytesIO(encoded.source) if isinstance(encoded.source, bytes) else encoded.source
    try:
        with Image.open(source) as image:
            if image.mode.startswith(("I", "F")):  # converting these clips at 255 instead of scaling
                raise HarnessError(f"{encoded.name} has more than 8 bits per channel; convert it to 8 bits first.")
            return np.asarray(image.convert("RGB"))
    except _UNREADABLE:
        raise HarnessError(f"{encoded.name} is not an image that can be read; repair or remove it.") from None
