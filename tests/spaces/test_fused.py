"""The fused mixed edge: pruned and unusual edges, odd images, and the names of its pieces."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F
from counting import dispatched
from plain_supernets import plain_supernet
from torch import nn

from methods.training.parallel import kept_for_backward
from methods.training.weights import FlatModel, Training
from spaces import SPACES
from spaces.cells import Edge
from spaces.darts.supernet import darts_candidate
from spaces.edges import sum as fused
from spaces.edges.merged import MergedOperations
from spaces.edges.single_path import SinglePath
from spaces.edges.sum import SumOfOperations
from spaces.operations import OPERATIONS, Rectified, apply

CHANNELS = 4


def edges_of(*operations):
    return [(row, Edge(0, row + 1, names)) for row, names in enumerate(operations)]


def one_by_one(leaving, edges, channels, stride, build):
    """The modules that the fused edges stand for, by edge, with the same tensors."""
    pieces = dict(leaving.pieces())
    modules = []
    for _, edge in edges:
        own = nn.ModuleDict({name: build(name, channels, stride) for name in edge.operations}).double()
        for name, tensor in own.state_dict(keep_vars=True).items():
            if tensor.is_floating_point():
                tensor.data.copy_(pieces[f"{edge.source}-{edge.target}.{name}"])
        modules.append(own)
    return modules


def check(edges, stride, size, build=darts_candidate, channels=CHANNELS):
    torch.manual_seed(0)
    leaving = SumOfOperations(edges, channels, stride, build).double()
    modules = one_by_one(leaving, edges, channels, stride, build)
    x = torch.randn(2, channels, *size, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    gates = torch.rand(len(edges), max(len(edge.operations) for _, edge in edges), dtype=torch.float64)
    ours, theirs = ([t.clone().requires_grad_() for t in (x, gates)] for _ in range(2))
    sums = nodes(leaving(ours[0], leaving.prepare(ours[1]), torch.Generator().manual_seed(5)))
    draw = torch.Generator().manual_seed(5)
    for (row, edge), own in zip(edges, modules, strict=True):
        values = [apply(own[name], theirs[0], draw) * theirs[1][row, i] for i, name in enumerate(edge.operations)]
        torch.testing.assert_close(sums[edge.target], sum(values), rtol=1e-9, atol=1e-12)
        direction = torch.randn(values[0].shape, dtype=torch.float64)
        (sums[edge.target] * direction).sum().backward(retain_graph=True)
        (sum(values) * direction).sum().backward()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-9, atol=1e-9)
    gradient = copy.deepcopy(leaving)
    for p, q in zip(gradient.parameters(), leaving.parameters(), strict=True):
        p.data = q.grad
    expected = {
        f"{edge.source}-{edge.target}.{name}": p.grad
        for (_, edge), own in zip(edges, modules, strict=True)
        for name, p in own.named_parameters()
    }
    for name, tensor in gradient.pieces():
        if name in expected:
            torch.testing.assert_close(tensor, expected.pop(name), rtol=1e-9, atol=1e-9)
    assert not expected


PRUNED = [
    [("sep_conv_3x3",)],
    [("dil_conv_5x5",), ("dil_conv_3x3", "skip_connect")],
    [("max_pool_3x3", "sep_conv_5x5"), ("sep_conv_5x5", "dil_conv_5x5", "max_pool_3x3"), ("none",)],
    [("none", "skip_connect"), ("none", "noise"), ("skip_connect", "avg_pool_3x3", "noise")],
    [("nor_conv_3x3", "nor_conv_1x1"), ("nor_conv_3x3",)],
]


@pytest.mark.parametrize("together", [True, False], ids=["together", "apart"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("operations", PRUNED, ids=range(len(PRUNED)))
def test_pruned_edges(operations, stride, together, monkeypatch):
    monkeypatch.setattr(fused, "TOGETHER", 1 << 30 if together else 0)
    check(edges_of(*operations), stride, (8, 8))


@pytest.mark.parametrize(("stride", "size"), [(1, (7, 7)), (1, (6, 5)), (1, (2, 2)), (2, (2, 4)), (1, (1, 1))])
def test_small_and_odd_images(stride, size):
    check(edges_of(*[("max_pool_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")] * 2), stride, size)


@pytest.mark.parametrize("together", [True, False], ids=["together", "apart"])
def test_gradients_can_be_differentiated_again(together, monkeypatch):
    monkeypatch.setattr(fused, "TOGETHER", 1 << 30 if together else 0)
    torch.manual_seed(0)
    edges = edges_of(*[SPACES["darts"].edges[0].operations] * 2)
    leaving = SumOfOperations(edges, 2, 1, darts_candidate).double()
    modules = one_by_one(leaving, edges, 2, 1, darts_candidate)
    x, gates = torch.randn(2, 2, 4, 4, dtype=torch.float64), torch.rand(2, 7, dtype=torch.float64)
    direction = [torch.randn_like(x), torch.randn_like(gates)]

    def ours(x, gates):
        return sum((y**3).sum() for y in nodes(leaving(x, leaving.prepare(gates), None)).values())

    def theirs(x, gates):
        return sum(
            (sum(gates[row, i] * own[name](x) for i, name in enumerate(own)) ** 3).sum()
            for row, own in enumerate(modules)
        )

    products = [torch.autograd.functional.vhp(function, (x, gates), tuple(direction))[1] for function in (ours, theirs)]
    for mine, other in zip(*products, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


def nodes(contributions):
    sums = {}
    for target, y in contributions:
        sums[target] = sums[target] + y if target in sums else y
    return sums


def test_a_single_channel():
    check(edges_of(*[("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3")] * 2), 1, (6, 6), channels=1)


class Scaled(nn.Module):
    """An operation that has no fused form."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(channels, 1, 1))

    def forward(self, x):
        return x * self.weight


def build_new(name, channels, stride):
    if name == "scaled":
        return Scaled(channels)
    if name == "full_conv":  # a chain of a kind that no space has
        return Rectified(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels, affine=False),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 5, padding=2),
            nn.BatchNorm2d(channels, affine=False),
        )
    if name == "affine":  # its batch norm has a weight of its own
        return OPERATIONS["dil_conv_3x3"](channels, stride, True)
    return darts_candidate(name, channels, stride)


def test_a_new_operation_needs_to_know_nothing_of_the_fusion():
    check(edges_of(("scaled", "sep_conv_3x3", "affine"), ("full_conv", "affine"), ("full_conv",)), 1, (6, 6), build_new)


@pytest.mark.parametrize("outgoing", [SumOfOperations, MergedOperations, SinglePath])
def test_pieces_are_every_value_by_a_name_that_says_where_it_is_used(outgoing):
    space = SPACES["darts"]
    torch.manual_seed(0)
    net = space.supernet(dataclasses.replace(space.macro(), channels=2, cells=3), 4, outgoing)
    model = FlatModel(net, "cpu")
    model.weights.copy_(torch.arange(len(model.weights)))
    model.statistics.copy_(-1 - torch.arange(len(model.statistics)))
    pieces = dict(net.pieces())
    values = torch.cat([piece.reshape(-1) for piece in pieces.values()])
    assert torch.equal(values.unique(), torch.cat([model.weights, model.statistics]).unique())
    pieces["classifier.weight"].zero_()  # views: what is written there is in the model
    assert model.weights.count_nonzero() == len(model.weights) - 1 - pieces["classifier.weight"].numel()


def test_a_supernet_inherits_the_pieces_of_a_larger_one():
    space = SPACES["darts"]
    kept = {
        kind: tuple(dataclasses.replace(e, operations=e.operations[2:5]) for e in edges)
        for kind, edges in space.cells.items()
    }
    smaller = dataclasses.replace(space, cells=kept)
    nets = []
    for seed, each in enumerate((space, smaller)):
        torch.manual_seed(seed)
        nets.append(each.supernet(dataclasses.replace(each.macro(), channels=2, cells=3), 4, SumOfOperations).double())
    large, small = (dict(net.pieces()) for net in nets)
    for name, piece in small.items():
        piece.copy_(large[name])
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    gates = torch.rand(28, 3, dtype=torch.float64)
    padded = torch.zeros(28, 7, dtype=torch.float64)
    padded[:, 2:5] = gates
    assert set(small) < set(large)
    assert "cells.2.graph.0-3.sep_conv_3x3.0.weight" in small
    torch.testing.assert_close(nets[1](x, gates), nets[0](x, padded), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("device", "operations", "kept"), [("a CPU", 10_200, 0.60), ("a GPU", 5_800, 0.65)], ids=["cpu", "gpu"]
)
def test_the_weight_step_of_the_paper_stays_cheap(device, operations, kept, monkeypatch):
    """16 channels, 8 cells; images of 1/512 of the bytes, and the size that decides on grouping shrunk alike. On a GPU
    all edges run together. The plain supernet dispatches 25,000 operations, with SGD and clipping by tensor."""
    monkeypatch.setattr(fused, "TOGETHER", fused.TOGETHER / 512 if device == "a CPU" else 1 << 30)
    space = SPACES["darts"]
    torch.manual_seed(0)
    net = space.supernet(space.macro(), 10, SumOfOperations).to(memory_format=torch.channels_last)
    plain = plain_supernet(space, 16, 8, 10)
    model = FlatModel(net, "cpu")
    momentum = torch.zeros_like(model.weights)
    x, y = torch.randn(2, 3, 8, 8), torch.tensor([0, 1])
    gates = torch.full((28, 7), 1 / 7)

    def step():
        model.differentiate(F.cross_entropy(net(x, gates), y))
        Training().step(model.weights, momentum, model.gradient, 0.025)

    assert dispatched(step) <= operations
    published = gates.clone().requires_grad_()  # its gates are always in the graph
    weights = 4 * len(model.weights)
    ours = kept_for_backward(lambda: net(x, gates)) - weights
    assert ours <= kept * (kept_for_backward(lambda: plain(x, published)) - weights)
