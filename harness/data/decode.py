"""Encoded images (PNG, JPEG, WebP, ...) to raw pixels, with Pillow."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harness.core.errors import HarnessError
from harness.data.resizing import HINT, MULTIPLE, Pixels, fit

THREADS = 2
"""Pillow decodes outside Python's global lock; small images gain nothing from more threads than this."""
BATCH = 1024
"""Images read ahead of the decoder, so that a large file is never in memory as a whole."""
# What Pillow's readers are known to raise for bytes that are no image, or a damaged one.
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


class Encoded(NamedTuple):
    """One image to decode: its place in the result, how an error names it, and its bytes or file."""

    position: int
    name: str
    source: bytes | Path


def decode(encoded: Iterable[Encoded], count: int, side: int = 0) -> Tensor:
    """Exactly `count` (1 or more) images as (count, 3, h, h), uint8; grey ones are repeated to three channels. With a
    side, whatever their sizes, they are made squares of it (see `harness.data.resizing`).

    Raises HarnessError, naming the first offender, for what is no image or has 32 bits per channel; and, without a
    side, for what is not square, has sides that are no multiple of 4, or differs in size from the first.
    """
    remaining = iter(encoded)
    first = next(remaining)
    size = side or _checked_size(first)
    pixels = np.empty((count, 3, size, size), np.uint8)

    def place(images: Sequence[Encoded]) -> None:
        for image in images:
            fitted = fit(rgb(image), side) if side else _pixels(image, size)
            pixels[image.position] = fitted.transpose(2, 0, 1)

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
            f"{MULTIPLE}; {HINT}."
        )
    return height


def _pixels(encoded: Encoded, size: int) -> Pixels:
    pixels = rgb(encoded)
    if pixels.shape[:2] != (size, size):
        raise HarnessError(
            f"{encoded.name} is {pixels.shape[1]}x{pixels.shape[0]} pixels and the first image is {size}x{size}; "
            f"{HINT}."
        )
    return pixels


def rgb(encoded: Encoded) -> Pixels:
    """`picture` as an array."""
    return np.asarray(picture(encoded))


def picture(encoded: Encoded) -> Image.Image:
    """One image of any size, in RGB; 16 bits of grey are scaled to 8. Raises HarnessError, naming it, when it cannot be
    read or has 32 bits per channel, whose range no format tells."""
    source = BytesIO(encoded.source) if isinstance(encoded.source, bytes) else encoded.source
    try:
        with Image.open(source) as image:
            # Pillow's own conversion of these clips at 255 instead of scaling.
            if image.mode.startswith("I;16") or (image.mode, image.format) == ("I", "PPM"):
                return Image.fromarray(_from_16_bits(np.asarray(image)))
            if image.mode in ("I", "F"):
                raise HarnessError(f"{encoded.name} has 32 bits per channel; convert it to 8 or 16 bits first.")
            return image.convert("RGB")
    except _UNREADABLE:
        raise HarnessError(f"{encoded.name} is not an image that can be read; repair or remove it.") from None


def _from_16_bits(grey: np.ndarray[tuple[int, int], np.dtype[np.integer[Any]]]) -> Pixels:
    """Grey values (h, w) of 0 to 65,535 as the nearest of 0 to 255 (65,535 = 255 * 257), in three equal channels."""
    scaled = ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(scaled[:, :, None], 3, axis=2)
