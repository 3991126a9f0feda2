"""What a final network costs: parameters and multiply-accumulates, by the conventions that papers use.

Both are exact integers. Auxiliary heads, which only training has, are never counted.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


@dataclass(frozen=True)
class Count:
    """The cost of a network on one image."""

    parameters: int
    macs: int
    """Multiply-accumulates of the convolutions and linear layers, biases not counted."""
    macs_with_norm_and_relu: int
    """The same plus 2 per batch norm output element and 1 per ReLU input element: what early versions of the thop
    package report, and so P-DARTS' 557 M and PC-DARTS' 597 M."""


def parameters(module: nn.Module) -> int:
    """The number of parameters outside auxiliary heads (ZARTS utils.py:127)."""
    return sum(p.numel() for name, p in module.named_parameters() if "auxiliary" not in name)


def count(network: nn.Module, image_size: int) -> Count:
    """The cost of a final network on one square RGB image with this side, in pixels. The network stays as it is."""
    twin = copy.deepcopy(network).eval().to("meta")
    with torch.no_grad(), _Counter() as counter:
        twin(torch.empty(1, 3, image_size, image_size, device="meta"), draw=torch.Generator())
    return Count(parameters(network), counter.macs, counter.macs + 2 * counter.norm_elements + counter.relu_elements)


class _Counter(TorchDispatchMode):
    """Counts the operations that really run: modules and functional calls alike."""

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0
        self.norm_elements = 0
        self.relu_elements = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is aten.convolution.default:
            self.macs += out.numel() * args[1][0].numel()
        elif func is aten.addmm.default:
            self.macs += out.numel() * args[1].shape[1]
        elif func is aten.native_batch_norm.default:
            self.norm_elements += out[0].numel()
        elif func is aten.relu.default:
            self.relu_elements += out.numel()
        return out
