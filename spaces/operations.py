"""The operations of the cell spaces, as the DARTS and NAS-Bench-201 code define them.

Every operation maps (B, C, H, W) to (B, C, H/stride, W/stride). Convolutions have no bias, except NAS-Bench-201's where
their batch norm is not affine; ReLU comes first and leaves the state as it is. `affine` is False in a supernet and True
in a final network. Sources: DARTS operations.py:5-131, NAS-Bench-201 cell_operations.py:95, with the conventions of the
ZARTS code (model_search.py:26-27: a pool is followed by a batch norm in search and by nothing in the final network).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Generator, Tensor, nn

from harness.core.genotype import AND_SKIP
from harness.core.registry import Registry
from spaces.batch_norm import BatchNorm2d
from spaces.depthwise import Depthwise
from spaces.inverted_residual import SHAPES, InvertedResidual, Shape
from spaces.layouts import joined, pixels, side_by_side
from spaces.pointwise import Images, Pointwise


def norm(channels: int, affine: bool) -> nn.BatchNorm2d:
    return BatchNorm2d(channels, affine=affine)


class Rectified(nn.Sequential):
    """ReLU, then the layers. A cell rectifies a state once for all the operations that read it, and calls `after`."""

    def after(self, rectified: Images) -> Tensor:
        return super().forward(rectified)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(torch.relu(x))


def relu_conv_bn(c_in: int, c_out: int, affine: bool, kernel: int = 1) -> Rectified:
    convolution = Pointwise(c_in, c_out) if kernel == 1 else _convolution(c_in, c_out, kernel)
    return Rectified(convolution, norm(c_out, affine))


def _convolution(c_in: int, c_out: int, kernel: int, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=bias)


def _separable(channels: int, kernel: int, stride: int, dilation: int, affine: bool) -> list[nn.Module]:
    return [Depthwise(channels, kernel, stride, dilation), Pointwise(channels, channels), norm(channels, affine)]


def sep_conv(channels: int, stride: int, affine: bool, kernel: int) -> Rectified:
    """Twice [ReLU, depthwise, pointwise, BN]; the stride is in the first."""
    first = _separable(channels, kernel, stride, 1, affine)
    return Rectified(*first, nn.ReLU(inplace=True), *_separable(channels, kernel, 1, 1, affine))


def dil_conv(channels: int, stride: int, affine: bool, kernel: int) -> Rectified:
    """Once [ReLU, depthwise with dilation 2, pointwise, BN]."""
    return Rectified(*_separable(channels, kernel, stride, 2, affine))


class FactorizedReduce(Rectified):
    """ReLU, two 1x1 convolutions of stride 2, the second shifted by one pixel, concatenated; BN. Even H and W only."""

    def __init__(self, c_in: int, c_out: int, affine: bool) -> None:
        super().__init__()
        self.even = Pointwise(c_in, c_out // 2)
        self.odd = Pointwise(c_in, c_out - c_out // 2)
        self.norm = norm(c_out, affine)

    def after(self, rectified: Images) -> Tensor:
        images = rectified if isinstance(rectified, tuple) else (rectified,)
        even, odd = zip(*(pixels(image, (0, 1)) for image in images), strict=True)
        return self.norm(joined([self.even(even), self.odd(odd)]))


class Drawing(nn.Module):
    """An operation that draws random numbers: it is called with the state and the randomness of the forward."""


class Noise(Drawing):
    """S4's decoy: standard normal values of the strided output's shape, drawn anew at every forward, at test time too.
    They are drawn where the generator lives and moved to the state's device; without one, from the global generator
    of that device, as a network that was taken home has it."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor, draw: Generator | None) -> Tensor:
        pixels = x[:, :, :: self.stride, :: self.stride]
        if draw is None:
            return torch.randn(pixels.shape, device=x.device, dtype=x.dtype)
        return torch.randn(pixels.shape, generator=draw, device=draw.device, dtype=x.dtype).to(x.device)


class Zero(nn.Module):
    """`none`: zeros of the strided output's shape."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


def pool(kind: str, stride: int) -> nn.Module:
    if kind == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, padding=1)
    return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)


def skip(channels: int, stride: int, affine: bool) -> nn.Module:
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine)


def nor_conv(channels: int, stride: int, affine: bool, kernel: int) -> Rectified:
    """NAS-Bench-201's [ReLU, convolution, BN]: the convolution has a bias exactly when its BN is not affine."""
    convolution = (
        Pointwise(channels, channels, stride, bias=not affine)
        if kernel == 1
        else _convolution(channels, channels, kernel, stride, bias=not affine)
    )
    return Rectified(convolution, norm(channels, affine))


def mbconv(shape: Shape) -> Build:
    """Inverted residual blocks of this shape, which keep the channels."""
    return lambda c, stride, affine: InvertedResidual(shape, c, c, stride, affine)


class Build(Protocol):
    """Builds an operation on (B, channels, H, W)."""

    def __call__(self, channels: int, stride: int, affine: bool) -> nn.Module: ...


class AndSkip(nn.Module):
    """An operation and, added to it, a skip: an edge of a final network of DARTS-Bench-Suite's all-skip benchmarks."""

    def __init__(self, operation: nn.Module, skip: nn.Module) -> None:
        super().__init__()
        self.operation, self.skip = operation, skip

    def forward(self, x: Tensor) -> Tensor:
        return self.operation(x) + self.skip(x)


def and_skip(build: Build) -> Build:
    return lambda c, stride, affine: AndSkip(build(c, stride, affine), skip(c, stride, affine))


OF_DARTS: Mapping[str, Build] = {
    "max_pool_3x3": lambda c, stride, affine: pool("max_pool_3x3", stride),
    "avg_pool_3x3": lambda c, stride, affine: pool("avg_pool_3x3", stride),
    "skip_connect": skip,
    "sep_conv_3x3": lambda c, stride, affine: sep_conv(c, stride, affine, 3),
    "sep_conv_5x5": lambda c, stride, affine: sep_conv(c, stride, affine, 5),
    "dil_conv_3x3": lambda c, stride, affine: dil_conv(c, stride, affine, 3),
    "dil_conv_5x5": lambda c, stride, affine: dil_conv(c, stride, affine, 5),
}
"""What an edge of DARTS' cells can be given."""

OPERATIONS: Registry[Build] = Registry(
    "operations",
    "operation",
    {
        "none": lambda c, stride, affine: Zero(stride),
        "noise": lambda c, stride, affine: Noise(stride),
        **OF_DARTS,
        **{f"{name}{AND_SKIP}": and_skip(build) for name, build in OF_DARTS.items()},
        "nor_conv_1x1": lambda c, stride, affine: nor_conv(c, stride, affine, 1),
        "nor_conv_3x3": lambda c, stride, affine: nor_conv(c, stride, affine, 3),
        **{name: mbconv(shape) for name, shape in SHAPES.items()},
    },
    interface="spaces.operations:Build",
    make=lambda build: build,
)


def apply(operation: nn.Module, x: Tensor, draw: Generator | None) -> Tensor:
    """The operation on a state; `draw` is the randomness of this forward, which few read."""
    return operation(x, draw) if isinstance(operation, Drawing) else operation(x)


Pool = nn.MaxPool2d | nn.AvgPool2d


class State:
    """A state (B, C, H, W) of a cell, or several side by side in their channels, with what the operations that read it
    have in common. Those side by side are joined only for what cannot read them apart."""

    def __init__(self, x: Tensor | Sequence[State]) -> None:
        self._parts = () if isinstance(x, Tensor) else tuple(x)
        self._pooled: dict[Any, Tensor] = {}
        if isinstance(x, Tensor):
            self.x = x

    @cached_property
    def x(self) -> Tensor:
        return joined([part.x for part in self._parts])

    @cached_property
    def rectified(self) -> Any:
        """max(x, 0), as `Images`."""
        if self._parts and all(side_by_side(part.x) for part in self._parts):
            return tuple(part.rectified for part in self._parts)
        return torch.relu(self.x)

    def pooled(self, pool: Pool) -> Tensor:
        key = type(pool), pool.stride
        if key not in self._pooled:
            self._pooled[key] = pool(self.x)
        return self._pooled[key]


def evaluate(operation: nn.Module, state: State, draw: Generator | None) -> Tensor:
    """The operation on a state. Without gradients each is on its own, as papers count what an operation costs."""
    if torch.is_grad_enabled() and isinstance(operation, Rectified):
        return operation.after(state.rectified)
    if torch.is_grad_enabled() and isinstance(operation, Pool):
        return state.pooled(operation)
    return apply(operation, state.x, draw)


class ResidualBlock(nn.Module):
    """NAS-Bench-201's reduction between stages, (B, c_in, H, W) to (B, c_out, H/2, W/2): twice [ReLU, 3x3 convolution,
    BN], the first of stride 2, plus a shortcut of average pooling and a 1x1 convolution. BN is affine in the supernet
    too (AutoDL-Projects cell_operations.py)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = Rectified(_convolution(c_in, c_out, 3, stride=2), norm(c_out, affine=True))
        self.second = relu_conv_bn(c_out, c_out, affine=True, kernel=3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2), Pointwise(c_in, c_out))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.second(self.first(x))
