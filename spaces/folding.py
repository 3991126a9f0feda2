"""A network for testing alone: in eval mode a batch norm is a multiplication and an addition by channel, and both go
into the convolution before it."""

from __future__ import annotations

import copy
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from spaces.operations import FactorizedReduce


def folded(network: nn.Module) -> nn.Module:
    """A copy in eval mode whose batch norms are part of the convolutions before them: the same values, up to their
    rounding, in fewer passes over the images. The network's batch norms are affine."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, FactorizedReduce):
            half = module.even.out_channels
            _fold(module.even, module.norm, slice(None, half))
            _fold(module.odd, module.norm, slice(half, None))
            module.add_module("norm", nn.Identity())
        elif isinstance(module, nn.Sequential):
            for (_, layer), (name, norm) in pairwise(list(module.named_children())):
                if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    _fold(layer, norm, slice(None))
                    module.add_module(name, nn.Identity())
    return network


def _fold(layer: nn.Conv2d, norm: nn.BatchNorm2d, channels: slice) -> None:
    """Some channels of a batch norm into the convolution that makes them."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    statistics = norm.running_mean[channels], norm.running_var[channels]
    affine = norm.weight[channels], norm.bias[channels]
    layer.weight, layer.bias = fuse_conv_bn_weights(layer.weight, layer.bias, *statistics, norm.eps, *affine)
