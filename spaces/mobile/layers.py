"""What the supernets and the final networks of the mobile family are both made of."""

from __future__ import annotations

from torch import nn

from harness.core.errors import unknown
from spaces.inverted_residual import SHAPES, InvertedResidual, conv_bn_relu
from spaces.mobile.plan import SKIP, Plan
from spaces.operations import FactorizedReduce, relu_conv_bn


def block(name: str, c_in: int, c_out: int, stride: int, affine: bool) -> nn.Module:
    """An operation by its name, (B, c_in, H, W) to (B, c_out, H/stride, W/stride).

    Where it cannot be the identity, a skip is a factorized reduction, or with stride 1 a 1x1 convolution (choice): no
    candidate, but an auxiliary skip is on every edge. Raises HarnessError for another name."""
    if name in SHAPES:
        return InvertedResidual(SHAPES[name], c_in, c_out, stride, affine)
    if name != SKIP:
        raise unknown("block", name, [*SHAPES, SKIP])
    if stride == 2:
        return FactorizedReduce(c_in, c_out, affine)
    return nn.Identity() if c_in == c_out else relu_conv_bn(c_in, c_out, affine)


def stem_of(plan: Plan) -> nn.Sequential:
    """Images (B, 3, H, W) to what the chain reads, with the block that is not searched, if there is one. Its batch
    norms are affine."""
    layers = conv_bn_relu(3, plan.stem, 3, plan.stem_stride, affine=True)
    first = [InvertedResidual(SHAPES["mbconv1_3x3"], plan.stem, plan.first, 1, affine=True)] if plan.first else []
    return nn.Sequential(*layers, *first)


def last_of(plan: Plan) -> nn.Sequential:
    """What the chain ends with to the features (B, features), averaged over all pixels. Its batch norm is affine. The
    classifier follows without dropout (choice: ProxylessNAS's default; FBNet trains with 0.2)."""
    layers = conv_bn_relu(plan.blocks[-1].c_out, plan.features, 1, 1, affine=True)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(1))
