"""The production supernets against the plain ones, and the published parameter counts."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from plain_supernets import matching_tensors, plain_supernet
from toy import WITH_NETWORKS

from harness.core.settings import applicable, override
from spaces import SPACES
from spaces.darts.topology import DartsMacro
from spaces.edges import sum as fused
from spaces.edges.sum import SumOfOperations

SMALL = {
    name: {"channels": 2, "cells": 3 if "normal" in SPACES[name].cells else 1}
    for name in WITH_NETWORKS
    if "mobile" not in name  # test_mobile.py has another plain supernet
}
BATCH, SIZE, CLASSES = 4, 16, 5


def production(space, dtype=torch.float64):
    torch.manual_seed(1)
    macro = override({"macro": space.macro()}, applicable({"macro": space.macro()}, SMALL[space.name]))["macro"]
    return space.supernet(macro, CLASSES, SumOfOperations).to(dtype)


def plain_twin(space, net, dtype=torch.float64):
    """A plain supernet with the production one's weights and statistics."""
    torch.manual_seed(2)
    plain = plain_supernet(space, classes=CLASSES, **SMALL[space.name]).to(dtype)
    for ours, theirs in matching_tensors(net, plain):
        theirs.data.copy_(ours)
    return plain


def gradients(net):
    """A net whose parameters are the gradients of this one's."""
    twin = copy.deepcopy(net)
    for ours, theirs in zip(twin.parameters(), net.parameters(), strict=True):
        ours.data = theirs.grad
    return twin


def inputs(space, dtype=torch.float64):
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(BATCH, 3, SIZE, SIZE, generator=draw, dtype=dtype)
    y = torch.randint(CLASSES, (BATCH,), generator=draw)
    alpha = torch.randn(len(space.widths), max(space.widths), generator=draw, dtype=dtype)
    return x, y, alpha.softmax(1).requires_grad_()


def close(a, b, tolerance):
    scale = b.abs().max().clamp(min=1e-3)
    return bool((a - b).abs().max() <= tolerance * scale)


ALL_OPERATIONS = [name for name in ("darts-none", "s4", "nasbench201") if name in SMALL]
"""Spaces that between them have the operations of all."""


@pytest.mark.parametrize("together", [True, False], ids=["together", "apart"])
@pytest.mark.parametrize(
    ("name", "training"), [*((name, True) for name in SMALL), *((name, False) for name in ALL_OPERATIONS)]
)
def test_equals_one_module_per_operation(name, training, together, monkeypatch):
    """Production runs the edges of a state together or apart by its size: here all of them one way."""
    monkeypatch.setattr(fused, "TOGETHER", 1 << 30 if together else 0)
    space = SPACES[name]
    net = production(space)
    plain = plain_twin(space, net)
    x, y, gates = inputs(space)
    other_gates = gates.detach().clone().requires_grad_()
    if name == "s4":  # the two nets visit the edges, and so draw noise, in different orders
        fixed_noise(monkeypatch)
    for model in (net, plain):  # statistics that are not the initial ones
        model.train()
        with torch.no_grad():
            model(x.flip(0), gates) if model is plain else model(x.flip(0), gates, torch.Generator())
        model.train(training)
    out, expected = net(x, gates, torch.Generator()), plain(x, other_gates)
    assert close(out, expected, 1e-9)
    F.cross_entropy(out, y).backward()
    F.cross_entropy(expected, y).backward()
    assert close(gates.grad, other_gates.grad, 1e-9)
    for (ours, theirs), (gradient, _) in zip(
        matching_tensors(net, plain), matching_tensors(gradients(net), plain), strict=True
    ):
        assert close(ours, theirs, 1e-9)
        if theirs.grad is not None:
            assert close(gradient, theirs.grad, 1e-9)
    assert sum(p.numel() for p in net.parameters()) == sum(p.numel() for p in plain.parameters())


@pytest.mark.parametrize("together", [True, False], ids=["together", "apart"])
@pytest.mark.parametrize("name", [name for name in ALL_OPERATIONS if name != "s4"])
def test_single_precision_is_as_near_as_rounding_allows(name, together, monkeypatch):
    """Values to 1e-4. A gradient jumps where a ReLU or a maximum reads what rounding has moved across another value,
    one pixel of a small map, so that of single tensors is left to double precision, and all of it has to be near."""
    monkeypatch.setattr(fused, "TOGETHER", 1 << 30 if together else 0)
    space = SPACES[name]
    net = production(space, torch.float32)
    plain = plain_twin(space, net, torch.float32)
    x, y, gates = inputs(space, torch.float32)
    out, expected = net(x, gates, torch.Generator()), plain(x, gates)
    assert close(out, expected, 1e-4)
    for statistics in matching_tensors(net, plain):
        torch.testing.assert_close(*statistics, rtol=1e-4, atol=1e-5)
    F.cross_entropy(out, y).backward()
    F.cross_entropy(expected, y).backward()
    pairs = [(ours, theirs.grad) for ours, theirs in matching_tensors(gradients(net), plain) if theirs.requires_grad]
    ours, theirs = (torch.cat([pair[side].flatten() for pair in pairs]) for side in (0, 1))
    assert (ours - theirs).norm() <= 0.05 * theirs.norm()


def fixed_noise(monkeypatch):
    """Both nets see the same values wherever they draw noise of one shape."""

    def constant(shape, generator=None, device=None, dtype=None):
        return torch.linspace(-1, 1, shape.numel(), dtype=dtype).view(shape)

    monkeypatch.setattr(torch, "randn", constant)


def test_noise_is_a_function_of_its_generator():
    space = SPACES["s4"]
    net = production(space).eval()
    gates = torch.full((28, 2), 0.5, dtype=torch.float64)
    x = torch.zeros(BATCH, 3, SIZE, SIZE, dtype=torch.float64)

    def run(seed):
        return net(x, gates, torch.Generator().manual_seed(seed))

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


@pytest.mark.parametrize(
    ("name", "dimension", "count"),
    [
        ("darts", 196, 1_930_618),
        ("darts-none", 224, 1_930_618),
        ("s1", 56, 405_146),
        ("s2", 56, 665_466),
        ("s3", 84, 665_466),
        ("s4", 56, 624_506),
        ("nasbench201", 30, 1_692_826),
    ],
)
def test_published_counts(name, dimension, count):
    space = SPACES[name]
    net = space.supernet(space.macro(), 10, SumOfOperations)
    assert space.dimension == dimension
    assert sum(p.numel() for p in net.parameters()) == count


def test_imagenet_stem_count_and_shape():
    net = SPACES["darts"].supernet(DartsMacro(stem="imagenet"), 1000, SumOfOperations)
    assert sum(p.numel() for p in net.parameters()) == 2_215_648
    meta = net.to("meta")
    assert meta(torch.empty(2, 3, 224, 224, device="meta"), torch.empty(28, 7, device="meta")).shape == (2, 1000)
