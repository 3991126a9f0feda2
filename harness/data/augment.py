"""Training augmentation as batched tensor operations: random crop, horizontal flip; `harness.core.cutout` is
the third.

All randomness is drawn by `draw`, on the CPU; the rest are plain functions of their arguments. So a batch is augmented
alike on every device.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional


def draw(count: int, image_size: int, padding: int, generator: Generator) -> Tensor:
    """What one batch's augmentation needs, (5, count) int64 on the CPU: the crop's top and left edge in the padded
    image, 0 to 2*padding; 1 where to mirror, else 0; the row and column of the cutout's centre, 0 to image_size-1.

    All five are always drawn, so that turning one augmentation off leaves the others as they were.
    """
    bounds = (2 * padding + 1, 2 * padding + 1, 2, image_size, image_size)
    return torch.stack([torch.randint(bound, (count,), generator=generator) for bound in bounds])


def crop_and_flip(images: Tensor, padding: int, top: Tensor, left: Tensor, mirrored: Tensor) -> Tensor:
    """Each of the images (B, C, h, w) padded with zeros on four sides, cut back to (h, w) from its own row `top` and
    column `left`, and mirrored left to right where `mirrored`; these three are (B,) int64. Any dtype.

    The order does not matter: mirroring after the crop (DARTS) or before (NAS-Bench-201) gives the same distribution.
    """
    height, width = images.shape[-2:]
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device).expand(len(images), -1)
    columns = left[:, None] + torch.where(mirrored[:, None] != 0, width - 1 - columns, columns)
    # One gather over flattened pixels moves each byte once, and is the fastest of the ways tried on a CPU.
    pixels = rows[:, :, None] * (width + 2 * padding) + columns[:, None, :]
    padded = functional.pad(images, (padding,) * 4).flatten(2)
    return padded.gather(2, pixels.flatten(1)[:, None].expand(-1, images.shape[1], -1)).view(images.shape)


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(x / 255 - mean) / std of raw images (B, 3, h, w), with mean and std (3,): float32 in channels_last memory."""
    floats = (images.float() / 255).sub_(mean[:, None, None]).div_(std[:, None, None])
    return floats.contiguous(memory_format=torch.channels_last)  # last: arithmetic is faster on whole planes
