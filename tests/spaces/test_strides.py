"""No 1x1 convolution with a stride reaches torch: oneDNN's weight gradient of one corrupts memory."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from toy import WITH_NETWORKS

from methods.catalogue import CATALOGUE
from methods.families import applies, resolve
from methods.search.parts import Parts
from spaces import SPACES
from spaces.edges import EDGES
from spaces.layouts import every_other
from spaces.operations import OPERATIONS, FactorizedReduce, ResidualBlock
from spaces.published import PUBLISHED
from spaces.relations import space_of

aten = torch.ops.aten


class StridedPointwise(TorchDispatchMode):
    """Collects the weights' shapes of the 1x1 convolutions with a stride that are dispatched inside it. A product of
    matrices is a convolution without one."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[torch.Size, list[int]]] = []
        self.convolutions = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.convolutions += function is aten.mm.default
        place = {aten.convolution.default: (1, 3), aten.convolution_backward.default: (2, 4)}.get(function)
        if place:
            self.convolutions += 1
            weight, stride = args[place[0]], args[place[1]]
            if weight.shape[2:] == (1, 1) and max(stride) > 1:
                self.found.append((weight.shape, stride))
        return function(*args, **(kwargs or {}))


def strided(run) -> list[tuple[torch.Size, list[int]]]:
    with StridedPointwise() as seen:
        run()
    assert seen.convolutions
    return seen.found


def test_the_guard_sees_both_directions() -> None:
    layer, x = nn.Conv2d(3, 4, 1, stride=2).to("meta"), torch.empty(2, 3, 8, 8, device="meta", requires_grad=True)
    assert len(strided(lambda: layer(x).sum().backward())) == 2


COMPOSITIONS = {
    **CATALOGUE,
    "sparse": replace(CATALOGUE["gdas"], edge="sparse"),
    "widened": replace(CATALOGUE["pc-darts"], edge="widened"),
}
SEARCHED = {
    "darts-1st": [name for name in WITH_NETWORKS if applies(CATALOGUE["darts-1st"], SPACES[name])],
    **{name: ["darts", "nasbench201"] for name in ("gdas", "sparse", "pc-darts", "widened", "darts-minus", "p-darts")},
    "r-darts-dp": ["darts", "nasbench201"],
    "mergenas-1st": ["darts"],
}


def test_all_edges_are_searched_here() -> None:
    assert {COMPOSITIONS[name].parts["edge"] for name in SEARCHED} == set(EDGES)


@pytest.mark.parametrize(
    ("method", "space", "stem"),
    [
        (method, space, stem)
        for method, spaces in SEARCHED.items()
        for space in spaces
        for stem in ("cifar", "imagenet")
        if "table" not in space and (stem == "cifar" or method == "darts-1st")
    ],
)
def test_no_supernet_dispatches_one(method: str, space: str, stem: str) -> None:
    parts = resolve(COMPOSITIONS[method], SPACES[space], [{"channels": 8, "cells": 3, "stem": stem}])
    assert isinstance(parts, Parts)
    if stem == "imagenet" and not hasattr(parts.macro, "stem"):
        pytest.skip("this space has one stem")
    net = SPACES[space].supernet(parts.macro, 10, parts.edge.outgoing).to(memory_format=torch.channels_last)
    size = 64 if stem == "imagenet" else 8
    gates = parts.relaxation.strengths(1e-3 * torch.randn(parts.relaxation.size(SPACES[space])), SPACES[space])
    gates = parts.edge.all_gates(gates.detach(), 0, 1).requires_grad_()
    assert not strided(lambda: net(torch.randn(2, 3, size, size), gates, torch.Generator()).sum().backward())


@pytest.mark.parametrize(("stem", "size", "auxiliary"), [("cifar", 32, True), ("imagenet", 224, True)])
@pytest.mark.parametrize("name", PUBLISHED)
def test_no_final_network_dispatches_one(name: str, stem: str, size: int, auxiliary: bool) -> None:
    with torch.device("meta"):
        space = space_of(PUBLISHED[name].genotype)
        cells = min(3, space.final.cells)
        net = space.network(PUBLISHED[name].genotype, 8, cells, 10, stem, auxiliary and cells > 1)
        x = torch.empty(2, 3, size, size)
    assert not strided(lambda: sum(y.sum() for y in net(x)).backward())


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_dispatches_one(name: str, channels_last: bool) -> None:
    operation = OPERATIONS[name](4, 2, True)
    x = torch.randn(2, 4, 8, 8, requires_grad=True)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    if any(isinstance(module, nn.Conv2d) for module in operation.modules()):
        assert not strided(lambda: operation(x).sum().backward())


def test_the_residual_block_dispatches_none() -> None:
    assert not strided(lambda: ResidualBlock(4, 8)(torch.randn(2, 4, 8, 8)).sum().backward())


def test_values_and_names_are_those_of_the_strided_convolutions() -> None:
    """In float64, against torch's own, which is sound there in the contiguous layout."""
    torch.manual_seed(0)
    reduce = FactorizedReduce(6, 5, affine=True).double().eval()
    assert list(dict(reduce.named_parameters())) == ["even.weight", "odd.weight", "norm.weight", "norm.bias"]
    convolution = OPERATIONS["nor_conv_1x1"](6, 2, True)[0].double()
    x = torch.randn(2, 6, 8, 8, dtype=torch.float64)
    even, odd = (
        F.conv2d(F.relu(y), w, stride=2) for y, w in ((x, reduce.even.weight), (x[..., 1:, 1:], reduce.odd.weight))
    )
    torch.testing.assert_close(reduce(x), reduce.norm(torch.cat([even, odd], dim=1)), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(convolution(x), F.conv2d(x, convolution.weight, stride=2), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_pixels_keep_the_layout(layout: torch.memory_format) -> None:
    x = torch.randn(2, 4, 8, 8).contiguous(memory_format=layout)
    assert every_other(x, start=1).is_contiguous(memory_format=layout)
    torch.testing.assert_close(every_other(x, start=1), x[:, :, 1::2, 1::2])


ALIVE = """
import torch
from spaces.operations import FactorizedReduce
torch.manual_seed(0)
for batch, side in ((30, 224), (30, 128), (32, 64)):
    for channels in (2, 4, 8, 16):
        for _ in range(3):
            x = torch.randn(batch, channels, side, side).contiguous(memory_format=torch.channels_last)
            reduce = FactorizedReduce(channels, max(2, channels // 2), False).to(memory_format=torch.channels_last)
            reduce(x).square().sum().backward()
    print(side)
"""


def test_large_images_do_not_crash() -> None:
    """In a process of its own, which would die: the sizes at which users' searches did."""
    done = subprocess.run([sys.executable, "-c", ALIVE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["224", "128", "64"]
