"""Batch norm whose time on a CPU does not depend on how few the channels are.

Where the channels of a pixel lie side by side, torch's kernels run along them, and pixel by pixel where they do not
fill the vector registers: 4 channels take as long as 16. The values of several pixels side by side are an image too, of
fewer pixels with more channels. So the statistics are taken of that image, those of a channel are put together from
its columns, and what is then left to do, a multiplication and an addition, is done along all of them.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

VECTOR = 8
"""Channels of which a multiple is quick as it is (float32 in 256 bits), and so is what fills two and more (measured: 4
channels take 0.6 of torch's time, 12 as long, 36 take 1.15)."""
SIDE_BY_SIDE = 16
"""Pixels that make one."""
PIXELS = 8192
"""Pixels of a batch from which it pays (measured with two threads: 1/4 off there for 4 channels, and 2 to 4 times
quicker from 32,768; at 2,048 half as quick)."""


class BatchNorm2d(nn.BatchNorm2d):
    """As torch's, but for the order of summation."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.momentum is None or not few_channels(x):
            return super().forward(x)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        return normalised(x, self.weight, self.bias, self.running_mean, self.running_var, self.momentum, self.eps)


def few_channels(x: Tensor) -> bool:
    """Whether `normalised` is made for these images (B, C, H, W)."""
    batch, channels, height, width = x.shape
    pixels = batch * height * width
    return (
        channels % VECTOR > 0
        and channels < 2 * VECTOR
        and pixels >= PIXELS
        and pixels % SIDE_BY_SIDE == 0
        and x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def normalised(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    momentum: float | None,
    eps: float,
) -> Tensor:
    """Batch norm in training of images with few channels; moves the running `mean` and `variance` (C,)."""
    return cast(Tensor, _FewChannels.apply(x, weight, bias, mean, variance, momentum, eps))


class _FewChannels(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        running_mean: Tensor,
        running_variance: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        channels, pixels = x.shape[1], x.numel() // x.shape[1]
        wide = _side_by_side(x)
        means, variances = (t.view(-1, channels) for t in torch.batch_norm_update_stats(wide, None, None, 0.0))
        mean = means.mean(0)
        variance = (variances + (means - mean) ** 2).mean(0)
        running_mean.lerp_(mean, momentum)
        running_variance.lerp_(variance * (pixels / (pixels - 1)), momentum)
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps = eps
        scale = (variance + eps).rsqrt()
        scale = scale if weight is None else scale * weight
        offset = -mean * scale if bias is None else bias - mean * scale
        y = torch.empty_like(x)  # not a view, which could not be added to in place
        torch.addcmul(_columns(offset), wide, _columns(scale), out=_side_by_side(y))
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance = ctx.saved_tensors
        inverse = (variance + ctx.eps).rsqrt()
        wanted = list(ctx.needs_input_grad[:3])
        if torch.is_grad_enabled():  # torch's own can be differentiated again
            found = torch.ops.aten.native_batch_norm_backward(
                gradient, x, weight, None, None, mean, inverse, True, ctx.eps, wanted
            )
            return *found, None, None, None, None
        wide, wide_gradient = _side_by_side(x), _side_by_side(gradient.contiguous(memory_format=torch.channels_last))
        columns = [t.repeat(SIDE_BY_SIDE) for t in (mean, variance)]
        _, *sums = torch.ops.aten.native_batch_norm_backward(
            wide_gradient, wide, None, *columns, None, None, False, ctx.eps, [False, True, True]
        )
        of_weight, of_bias = (t.view(-1, len(mean)).sum(0) for t in sums)
        of_x = None
        if wanted[0]:
            # weight / sigma * (gradient - mean of gradient - normalised x * mean of (gradient * normalised x))
            scale = inverse if weight is None else weight * inverse
            share = scale * len(mean) / x.numel()
            slope = -share * inverse * of_weight
            offset = -share * of_bias - slope * mean
            of_x = torch.empty_like(x)
            torch.addcmul(_columns(offset), wide, _columns(slope), out=_side_by_side(of_x))
            _side_by_side(of_x).addcmul_(wide_gradient, _columns(scale))
        return of_x, of_weight if wanted[1] else None, of_bias if wanted[2] else None, None, None, None, None


def _side_by_side(x: Tensor) -> Tensor:
    """(B, C, H, W), channels last, as (B * H * W / 16, 16 * C, 1, 1), the same memory."""
    return x.permute(0, 2, 3, 1).reshape(-1, SIDE_BY_SIDE * x.shape[1], 1, 1)


def _columns(per_channel: Tensor) -> Tensor:
    """(C,) as (16 * C, 1, 1)."""
    return per_channel.repeat(SIDE_BY_SIDE)[:, None, None]
