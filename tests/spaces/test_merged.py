"""The merged edge: one kernel under masks equals the four convolutions it stands for."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from plain_supernets import operation

from harness.core.errors import HarnessError
from spaces import SPACES
from spaces.cells import Edge
from spaces.darts.supernet import darts_candidate
from spaces.edges.merged import MERGED, MergedConvolution, MergedEdge, MergedOperations, mask

CHANNELS, SIZE = 3, 12
TAPS = {
    "sep_conv_3x3": (3, 4, 5),
    "sep_conv_5x5": (2, 3, 4, 5, 6),
    "dil_conv_3x3": (2, 4, 6),
    "dil_conv_5x5": (0, 2, 4, 6, 8),
}
"""The rows and columns of the 9x9 grid that each mask keeps, as the paper's code lists them."""


def merged(stride):
    torch.manual_seed(0)
    return MergedConvolution(tuple(MERGED), CHANNELS, stride).double()


def images():
    return torch.randn(2, CHANNELS, SIZE, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).relu()


@pytest.mark.parametrize("name", TAPS)
def test_masks(name):
    expected = torch.tensor([[float(i in TAPS[name] and j in TAPS[name]) for j in range(9)] for i in range(9)])
    assert torch.equal(mask(*MERGED[name]), expected)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("name", "padding"), list(zip(TAPS, (1, 2, 2, 4), strict=True)))
def test_one_hot_gates_give_the_plain_convolution(name, padding, stride):
    block, x = merged(stride), images()
    taps = list(TAPS[name])
    small = block.weight[:, :, taps][..., taps]
    dilation = 2 if name.startswith("dil") else 1
    plain = F.conv2d(x, small, stride=stride, padding=padding, dilation=dilation, groups=CHANNELS)
    expected = F.batch_norm(F.conv2d(plain, block.pointwise.weight), None, None, training=True)
    gates = torch.tensor([float(other == name) for other in MERGED], dtype=torch.float64)
    torch.testing.assert_close(block(x, gates), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradient_to_the_gates_is_that_of_the_explicit_sum_of_masks(stride):
    block, x = merged(stride), images()
    p = torch.tensor([0.1, 0.2, 0.3, 0.25], dtype=torch.float64)
    ours, theirs = p.clone().requires_grad_(), p.clone().requires_grad_()
    rows = torch.arange(9)
    kernel = torch.zeros(CHANNELS, 1, 9, 9, dtype=torch.float64)
    for gate, taps in zip(theirs, TAPS.values(), strict=True):
        inside = sum(rows == tap for tap in taps).double()
        kernel = kernel + gate * block.weight * inside[:, None] * inside[None, :]
    conv = F.conv2d(x, kernel, stride=stride, padding=4, groups=CHANNELS)
    expected = F.batch_norm(F.conv2d(conv, block.pointwise.weight), None, None, training=True)
    y = block(x, ours)
    torch.testing.assert_close(y, expected)
    direction = torch.randn(y.shape, dtype=torch.float64)
    (y * direction).sum().backward()
    (expected * direction).sum().backward()
    assert theirs.grad.abs().max() > 1e-3
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", ["darts", "darts-none"])
def test_an_edge_is_the_merged_block_without_a_factor_plus_the_gated_rest(name, stride):
    edge = SPACES[name].edges[0]
    torch.manual_seed(0)
    leaving = MergedOperations([(0, edge)], CHANNELS + 1, stride, darts_candidate).double()
    block = leaving.merged[0]
    x = torch.randn(2, CHANNELS + 1, SIZE, SIZE, dtype=torch.float64)
    gates = torch.rand(1, len(edge.operations), dtype=torch.float64).softmax(1)
    expected = block(x.relu(), gates[0, -4:])
    for operation_name, gate in zip(edge.operations[:-4], gates[0], strict=False):
        plain = operation(operation_name, CHANNELS + 1, stride, False).double()
        weights = [] if operation_name not in leaving.own[0] else leaving.own[0][operation_name].state_dict().values()
        if weights:
            plain.load_state_dict(dict(zip(plain.state_dict(), weights, strict=True)))
        expected = expected + gate * plain(x)
    ((target, y),) = leaving(x, leaving.prepare(gates), None)
    assert target == edge.target
    torch.testing.assert_close(y, expected)


@pytest.mark.parametrize("kept", [("none",), ("skip_connect",), ("none", "dil_conv_5x5"), ("sep_conv_3x3",)])
def test_an_edge_that_lost_operations(kept):
    edge = Edge(0, 2, kept)
    leaving = MergedOperations([(0, edge)], 2, 1, darts_candidate)
    x = torch.randn(2, 2, 6, 6)
    ((_, y),) = leaving(x, leaving.prepare(torch.full((1, 7), 0.5)), None)
    assert y.shape == x.shape
    assert bool((y == 0).all()) == (kept == ("none",))


def test_published_counts():
    space = SPACES["darts"]
    for macro, classes, count in (
        (space.macro(), 10, 725_498),
        (dataclasses.replace(space.macro(), stem="imagenet"), 1000, 1_010_528),
    ):
        with torch.device("meta"):
            net = space.supernet(macro, classes, MergedOperations)
        assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize("name", ["s1", "s2", "s3", "s4", "nasbench201"])
def test_a_space_without_the_four_convolutions_is_refused(name):
    with pytest.raises(HarnessError, match=f"of {name} has no .* Use the space darts or darts-none"):
        MergedEdge().check(SPACES[name])
    MergedEdge().check(SPACES["darts-none"])
