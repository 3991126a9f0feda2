"""1x1 convolutions: where the channels of a pixel lie side by side they are products of matrices, whose gradients a CPU
has in half the time. Images side by side in their channels need not be joined for it: they add up to a sum of products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spaces.depthwise import autocast
from spaces.layouts import every_other, joined, side_by_side

Images = Tensor | tuple[Tensor, ...]
"""An image (B, C, H, W), or several that make one, side by side in their channels."""


class Pointwise(nn.Conv2d):
    """A 1x1 convolution, whatever its stride."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, bias: bool = False) -> None:
        super().__init__(c_in, c_out, 1, stride, bias=bias)

    def forward(self, x: Images) -> Tensor:
        images = x if isinstance(x, tuple) else (x,)
        if self.stride != (1, 1):
            images = tuple(every_other(image, stride=self.stride[0]) for image in images)
        if self.bias is None and torch.is_grad_enabled() and all(map(side_by_side, images)):
            return cast(Tensor, _Products.apply(*autocast(self.weight, *images)))
        return F.conv2d(joined(images), self.weight, self.bias)


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, *images: Tensor) -> Tensor:
        ctx.save_for_backward(weight, *images)
        shape = images[0].shape[:1] + weight.shape[:1] + images[0].shape[2:]
        # Not a view of the product, which could not be changed in place.
        y = torch.empty(shape, dtype=weight.dtype, device=weight.device, memory_format=torch.channels_last)
        rows, (first, *others) = _rows(y), zip(images, _columns(weight, images), strict=True)
        torch.mm(_rows(first[0]), first[1].t(), out=rows)
        for image, columns in others:
            rows.addmm_(_rows(image), columns.t())
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weight, *images = ctx.saved_tensors
        rows, of_weight = _rows(gradient), None
        if ctx.needs_input_grad[0]:
            across = rows.t()
            parts = [across @ _rows(image) for image in images]
            of_weight = (torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]).view(weight.shape)
        of_images = (
            _image(rows @ columns, image.shape) if wanted else None
            for image, columns, wanted in zip(images, _columns(weight, images), ctx.needs_input_grad[1:], strict=True)
        )
        return of_weight, *of_images


def _rows(image: Tensor) -> Tensor:
    """(B, C, H, W) as a matrix (B * H * W, C), in one view, for there are thousands in a step."""
    image = image.contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = image.shape
    return image.as_strided((batch * height * width, channels), (channels, 1))


def _image(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """The inverse, for an image of this shape."""
    _, channels, height, width = shape
    return rows.as_strided(shape, (height * width * channels, 1, width * channels, channels))


def _columns(weight: Tensor, images: Sequence[Tensor]) -> Sequence[Tensor]:
    """(C_out, C_in, 1, 1) as matrices, the columns for each image."""
    whole = weight.view(weight.shape[:2])
    return whole.split([image.shape[1] for image in images], dim=1) if len(images) > 1 else (whole,)
