"""Images side by side and apart: in which order of memory a CPU is fast, and which pixels a stride or a dilation reads.

Where the channels of a pixel lie side by side ("channels last"), a CPU convolves, pools and differentiates several
times faster. What splits or joins such images here gives gradients of that order too: torch's own slices do not, and
all that reads their gradients is slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor


def laid_out(images: Tensor) -> Tensor:
    """Images (B, C, H, W) in the order in which a network computes: on a CPU channels last, elsewhere as they are. A
    graph that is exported keeps the order that it is given."""
    if images.device.type != "cpu" or torch.compiler.is_compiling():
        return images
    return images.contiguous(memory_format=torch.channels_last)


def side_by_side(x: Tensor) -> bool:
    """Whether the channels of a pixel lie side by side, on a CPU."""
    return x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)


def every_other(x: Tensor, start: int = 0, stride: int = 2) -> Tensor:
    """The pixels whose row and column are `start`, `start` + `stride`, ..., in memory of their own, in x's layout.

    What a 1x1 convolution with a stride reads, so that torch is only given ones without: oneDNN's weight gradient of
    the former writes out of bounds where few channels lie side by side (torch 2.15.0, oneDNN 3.13, AVX-512)."""
    return pixels(x, (start,), stride)[0]


def pixels(x: Tensor, starts: Sequence[int], stride: int = 2) -> tuple[Tensor, ...]:
    """`every_other` from several starts, all smaller than the stride."""
    if side_by_side(x) and x.requires_grad:
        return cast(Any, _Pixels.apply(x, stride, *starts))
    return tuple(_picked(x, start, stride) for start in starts)


def _picked(x: Tensor, start: int, stride: int) -> Tensor:
    last = x.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if last else torch.contiguous_format
    return x[:, :, start::stride, start::stride].contiguous(memory_format=layout)


class _Pixels(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stride: int, *starts: int) -> tuple[Tensor, ...]:
        ctx.shape, ctx.stride, ctx.starts = x.shape, stride, starts
        return tuple(_picked(x, start, stride) for start in starts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        first = gradients[0]
        of_x = torch.empty(ctx.shape, dtype=first.dtype, device=first.device, memory_format=torch.channels_last).zero_()
        for start, gradient in zip(ctx.starts, gradients, strict=True):
            of_x[:, :, start :: ctx.stride, start :: ctx.stride].copy_(gradient)
        return of_x, None, *(None for _ in ctx.starts)


def joined(images: Sequence[Tensor]) -> Tensor:
    """Images side by side in their channels. On a CPU each gets a gradient of its own memory: what reads it, the batch
    norms of all edges to a state, is several times slower on a slice."""
    if len(images) == 1:
        return images[0]
    if all(map(side_by_side, images)) and torch.is_grad_enabled():
        return cast(Tensor, _Joined.apply(*images))
    return torch.cat(list(images), dim=1)


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *images: Tensor) -> Tensor:
        ctx.channels = [image.shape[1] for image in images]
        return torch.cat(images, dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        return tuple(part.contiguous(memory_format=torch.channels_last) for part in gradient.split(ctx.channels, dim=1))


class Phases(torch.autograd.Function):
    """(B, C, H, W) to (4 B, C, H/2, W/2): the pixels by the parities of their row and column."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _to_phases(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _to_image(gradient)


class Image(torch.autograd.Function):
    """The inverse of `Phases`."""

    @staticmethod
    def forward(ctx: Any, phases: Tensor) -> Tensor:
        return _to_image(phases)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _to_phases(gradient)


def _to_phases(x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    x = x.contiguous(memory_format=torch.channels_last)
    row, half = width * channels, (height // 2, width // 2)
    strides = row, channels, height * row, 2 * row, 2 * channels, 1  # parities of row and column, image, row, column
    phases = x.as_strided((2, 2, batch, *half, channels), strides).contiguous()
    return phases.as_strided(
        (4 * batch, channels, *half), (half[0] * half[1] * channels, 1, half[1] * channels, channels)
    )


def _to_image(phases: Tensor) -> Tensor:
    batch, channels, height, width = phases.shape
    phases = phases.contiguous(memory_format=torch.channels_last)
    row, size = width * channels, batch // 4 * height * width * channels
    strides = height * row, row, 2 * size, channels, size, 1  # image, row, its parity, column, its parity
    image = phases.as_strided((batch // 4, height, 2, width, 2, channels), strides).contiguous()
    row = 2 * width * channels
    return image.as_strided((batch // 4, channels, 2 * height, 2 * width), (2 * height * row, 1, row, channels))
