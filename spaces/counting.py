"""What a final network, or one operation, costs: parameters and multiply-accumulates, by the conventions that papers
use.

All are exact integers. Auxiliary heads, which only training has, are never counted.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from spaces.operations import OPERATIONS, apply

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
    twin = _without_values(network)
    counter = _counted(lambda image: twin(image, draw=torch.Generator()), 3, image_size)
    return Count(parameters(network), counter.macs, counter.macs + 2 * counter.norm_elements + counter.relu_elements)


@dataclass(frozen=True)
class OperationCount:
    """The cost of one operation on one state."""

    parameters: int
    macs: int
    memory: int
    """Values that its convolutions and pools read and write: their inputs, outputs and kernels. Batch norms and ReLUs
    do not count, for they can be part of a convolution, and neither does handing a state on."""


def count_operation(name: str, channels: int, size: int) -> OperationCount:
    """The cost of an operation by its name, with stride 1 and as it is in a supernet, on a state (channels, size,
    size)."""
    operation = OPERATIONS[name](channels, 1, False)
    twin = _without_values(operation)
    counter = _counted(lambda state: apply(twin, state, torch.Generator()), channels, size)
    return OperationCount(parameters(operation), counter.macs, counter.memory)


def _without_values(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).eval().to("meta")


def _counted(run: Callable[[Tensor], Any], channels: int, size: int) -> _Counter:
    """What runs on one image of so many channels, with this side."""
    with torch.no_grad(), _Counter() as counter:
        run(torch.empty(1, channels, size, size, device="meta"))
    return counter


class _Counter(TorchDispatchMode):
    """Counts the operations that really run: modules and functional calls alike."""

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0
        self.norm_elements = 0
        self.relu_elements = 0
        self.memory = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in (aten.convolution.default, aten.avg_pool2d.default, aten.max_pool2d_with_indices.default):
            maps = [x for x in args[:2] if isinstance(x, Tensor)] + [out[0] if isinstance(out, tuple) else out]
            self.memory += sum(x.numel() for x in maps)
        if func is aten.convolution.default:
            self.macs += out.numel() * args[1][0].numel()
        elif func is aten.addmm.default:
            self.macs += out.numel() * args[1].shape[1]
        elif func is aten.native_batch_norm.default:
            self.norm_elements += out[0].numel()
        elif func in (aten.relu.default, aten.hardtanh.default):  # the latter is ReLU6
            self.relu_elements += out.numel()
        return out
