"""Depthwise convolutions, with gradients that a CPU is fast at.

1.  *A convolution dilated by 2 sees four images*: the pixels of equal parity of row and column, the phases. On each of
    them it is an ordinary convolution, for which a CPU has fast gradients. With stride 2 it reads the phase of the even
    rows and columns only. Images of odd side, and GPUs, keep the dilated kernel.
2.  *The weight gradient of a 5x5 kernel* is slow on a CPU, and that of kernels at most 3 wide, with a padding of at
    most half their width, about 20 times faster. So it is taken in blocks of columns.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spaces.layouts import Image, Phases, every_other, side_by_side

BLOCKS = {1: ((0, 2, 1), (2, 1, 0), (3, 2, 1)), 2: ((0, 2, 0), (2, 2, 0), (4, 2, 0))}
"""By stride the blocks of columns of a 5x5 kernel, the first column, their number and the padding. With stride
2, where one column is slow, the last block has one that the kernel has not."""


class Depthwise(nn.Conv2d):
    """A convolution of each channel by itself that keeps the image's size but for the stride."""

    def __init__(self, channels: int, kernel: int, stride: int, dilation: int = 1) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is not None or not (side_by_side(x) and torch.is_grad_enabled()):
            return super().forward(x)
        stride, dilation = self.stride[0], self.dilation[0]
        padding = self.kernel_size[0] // 2
        if dilation == 2 and stride == 2:
            return depthwise(every_other(x), self.weight, 1, padding, 1)
        if dilation == 2 and x.shape[2] % 2 == x.shape[3] % 2 == 0:
            return cast(Tensor, Image.apply(depthwise(Phases.apply(x), self.weight, 1, padding, 1)))
        return depthwise(x, self.weight, stride, dilation * padding, dilation)


def depthwise(x: Tensor, weight: Tensor, stride: int, padding: int, dilation: int, rectify: bool = False) -> Tensor:
    """The convolution, of max(x, 0) if `rectify`."""
    x, weight = autocast(x, weight)
    return cast(Tensor, _Depthwise.apply(x, weight, stride, padding, dilation, rectify))


def autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors in the type that torch's own convolutions and products would read them in."""
    device = tensors[0].device.type
    if not (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)):
        return tensors
    return tuple(tensor.to(torch.get_autocast_dtype(device)) for tensor in tensors)


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution, of max(x, 0) if `rectify`, with its weight gradient as in fact 2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int, dilation: int, rectify: bool) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry, ctx.rectify = (stride, padding, dilation), rectify
        return F.conv2d(x.relu() if rectify else x, weight, None, stride, padding, dilation, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, dilation = ctx.geometry
        of_x, of_weight = ctx.needs_input_grad[:2]
        of_5x5 = of_weight and weight.shape[3] == 5 and dilation == 1
        blocks = of_5x5 and x.device.type == "cpu" and x.shape[3] % stride == 0
        read = x.relu() if ctx.rectify else x
        dx, dw = _gradients(
            gradient, read, weight, stride, (padding, padding), dilation, of_x, of_weight and not blocks
        )
        if blocks:
            dw = _by_columns(gradient, read, weight, stride)
        if ctx.rectify and dx is not None:
            dx = torch.ops.aten.threshold_backward(dx, x, 0)
        return dx, dw, None, None, None, None


def _gradients(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: int,
    padding: tuple[int, int],
    dilation: int,
    of_x: bool,
    of_weight: bool,
) -> tuple[Tensor | None, Tensor | None]:
    geometry = [stride, stride], list(padding), [dilation, dilation]
    mask = [of_x, of_weight, False]
    dx, dw, _ = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, *geometry, False, [0, 0], len(weight), mask
    )
    return dx, dw


def _by_columns(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The gradient of a 5x5 kernel with padding 2, fact 2.

    Column `first` reads pixel stride * w + first - 2 for the output w. A kernel that begins there and has padding p
    does so for the output w + (first + p - 2) / stride. What this moves out of the image has met zeros only.
    """
    blocks: list[Any] = []
    for first, columns, padding in BLOCKS[stride]:
        kernel = _kernel_of_shape((len(weight), 1, 5, columns), weight.dtype)
        shift = (first + padding - 2) // stride
        missing = (x.shape[3] + 2 * padding - columns) // stride + 1 - gradient.shape[3] - shift
        moved = F.pad(gradient, (shift, missing)) if shift or missing else gradient
        blocks.append(_gradients(moved, x, kernel, stride, (2, padding), 1, False, True)[1])
    whole = torch.cat(blocks, dim=3)
    return whole if stride == 1 else whole[..., :5]


@lru_cache
def _kernel_of_shape(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A weight gradient does not depend on the weight's values, but is asked for with a weight."""
    return torch.zeros(shape, dtype=dtype)
