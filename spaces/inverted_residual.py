"""The inverted residual block of MobileNetV2 (Sandler et al., CVPR 2018), MBConv: what the mobile spaces choose from.

A 1x1 convolution widens the image, a depthwise one with the block's stride follows, a second 1x1 convolution makes it
narrow again, each with a batch norm, the first two with ReLU6; where size and channels are kept, the input is added. At
expansion 1 there is nothing to widen, and the first convolution is left out, as ProxylessNAS and FBNet have it. With
groups, channels are shuffled between them before the depthwise convolution. Sources: ProxylessNAS search/modules/
layers.py and models/normal_nets/proxyless_nets.py; FBNet, mobile-vision mobile_cv/arch/fbnet_v2/irf_block.py. Choices:
ReLU6 in both, where FBNet has ReLU, and batch norms with torch's eps, where ProxylessNAS has 1e-3.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from spaces.batch_norm import BatchNorm2d
from spaces.depthwise import Depthwise
from spaces.pointwise import Pointwise


@dataclass(frozen=True)
class Shape:
    """A block's kernel (its side), by how much it widens the image, and the groups of its second 1x1 convolution."""

    kernel: int
    expansion: int
    groups: int = 1


SHAPES = {
    **{f"mbconv{expansion}_{side}x{side}": Shape(side, expansion) for side in (3, 5, 7) for expansion in (3, 6)},
    **{f"mbconv1_{side}x{side}": Shape(side, 1) for side in (3, 5)},
    **{f"mbconv1_{side}x{side}_g2": Shape(side, 1, groups=2) for side in (3, 5)},
}
"""By the names of operations: mbconv6_5x5 is of expansion 6 and kernel 5x5, and _g2 of two groups."""


class InvertedResidual(nn.Module):
    """The block, (B, c_in, H, W) to (B, c_out, H/stride, W/stride). `affine` is that of all its batch norms."""

    def __init__(self, shape: Shape, c_in: int, c_out: int, stride: int, affine: bool) -> None:
        super().__init__()
        width = c_in * shape.expansion
        widen = conv_bn_relu(c_in, width, 1, 1, affine) if shape.expansion > 1 else []
        shuffle = [Shuffle(shape.groups)] if shape.groups > 1 else []
        self.layers = nn.Sequential(
            *widen,
            *shuffle,
            *_bn_relu(Depthwise(width, shape.kernel, stride), affine),
            Pointwise(width, c_out)
            if shape.groups == 1
            else nn.Conv2d(width, c_out, 1, groups=shape.groups, bias=False),
            BatchNorm2d(c_out, affine=affine),
        )
        self.shortcut = stride == 1 and c_in == c_out

    def forward(self, x: Tensor, factor: Tensor | None = None) -> Tensor:
        """`factor` (B, 1, 1, 1) is what drop-path multiplies what is added to x with; a block without x is kept."""
        y = self.layers(x)
        if not self.shortcut:
            return y
        return x + (y if factor is None else y * factor.to(y.dtype))


class Shuffle(nn.Module):
    """The channels of all groups in turn: channel i of group k of so many becomes channel groups * i + k."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)


def conv_bn_relu(c_in: int, c_out: int, kernel: int, stride: int, affine: bool) -> list[nn.Module]:
    """A convolution, batch norm, ReLU6."""
    if kernel == 1:
        return _bn_relu(Pointwise(c_in, c_out, stride), affine)
    return _bn_relu(nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False), affine)


def _bn_relu(convolution: nn.Conv2d, affine: bool) -> list[nn.Module]:
    return [convolution, BatchNorm2d(convolution.out_channels, affine=affine), nn.ReLU6(inplace=True)]
