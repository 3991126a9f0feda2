"""What a final network, or one operation, costs: parameters and multiply-accumulates, by the conventions that papers
use.

All are exact integers. Auxiliary heads, which only training has, are never counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from spaces.operations import OPERATIONS, apply

aten = torch.ops.aten
IN_PLACE = (aten.relu_.default, aten.hardtanh_.default)
RELUS = (aten.relu.default, aten.hardtanh.default, *IN_PLACE)
"""The second of two is ReLU6."""


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
    like = next(network.parameters())
    image = torch.zeros(1, 3, image_size, image_size, device=like.device, dtype=like.dtype)
    with _evaluating(network), counting() as counter:
        network(image, draw=torch.Generator())
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
    with _evaluating(operation), counting() as counter:
        apply(operation, torch.zeros(1, channels, size, size), torch.Generator())
    return OperationCount(parameters(operation), counter.macs, counter.memory)


def count_placed(operation: nn.Module, channels: int, size: int) -> Count:
    """The cost of a module on a state (channels, size, size)."""
    with _evaluating(operation), counting() as counter:
        apply(operation, torch.zeros(1, channels, size, size), torch.Generator())
    norm_and_relu = 2 * counter.norm_elements + counter.relu_elements
    return Count(parameters(operation), counter.macs, counter.macs + norm_and_relu)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """In eval mode, and afterwards in the modes that it was in."""
    modes = {child: child.training for child in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for child, training in modes.items():
            child.training = training


@contextmanager
def counting() -> Iterator[Counter]:
    """In this context what runs is counted, and nothing is computed."""
    with torch.no_grad(), Counter() as counter:
        yield counter


class Counter(TorchDispatchMode):
    """Counts the operations that really run, modules and functional calls alike. What is counted is not computed: the
    output has the right shape, and is zero."""

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0
        self.norm_elements = 0
        self.relu_elements = 0
        self.memory = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """There is nothing to keep from torch's compiler, which takes more than a second to import."""
        return False

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = self._result(func, args, kwargs or {})
        if func in (aten.convolution.default, aten.avg_pool2d.default, aten.max_pool2d_with_indices.default):
            maps = [x for x in args[:2] if isinstance(x, Tensor)] + [out[0] if isinstance(out, tuple) else out]
            self.memory += sum(x.numel() for x in maps)
        if func is aten.convolution.default:
            self.macs += out.numel() * args[1][0].numel()
        elif func is aten.addmm.default:
            self.macs += out.numel() * args[1].shape[1]
        elif func is aten.native_batch_norm.default:
            self.norm_elements += out[0].numel()
        elif func in RELUS:
            self.relu_elements += out.numel()
        return out

    def _result(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Zeros for what takes time."""
        if func is aten.convolution.default:
            return _convolved(*args)
        if func is aten.native_batch_norm.default:
            return torch.zeros_like(args[0]), *(args[0].new_empty(0) for _ in range(2))
        if func in IN_PLACE:
            return args[0]
        return torch.zeros_like(args[0]) if func in RELUS else func(*args, **kwargs)


def _convolved(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """Zeros of the shape that a convolution with these arguments makes, as torch.nn.Conv2d and ConvTranspose2d state
    it. To ask torch would import its symbolic shapes, and so sympy, which takes longer than to count. Raises
    RuntimeError for a map that is too small."""
    channels = kernel.shape[1] * groups if transposed else len(kernel)
    sides = []
    for axis, (size, width) in enumerate(zip(x.shape[2:], kernel.shape[2:], strict=True)):
        s, p, d, more = (values[axis % len(values)] for values in (stride, padding, dilation, output_padding))
        span = d * (width - 1) + 1
        if not transposed and size + 2 * p < span:
            raise RuntimeError(f"a map of side {size} is smaller than what the kernel spans, {span}")
        sides.append((size - 1) * s - 2 * p + span + more if transposed else (size + 2 * p - span) // s + 1)
    return x.new_zeros(len(x), channels, *sides)
