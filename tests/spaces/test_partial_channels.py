"""PC-DARTS's edge: the values of the plain one, and which widths can be shared out."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from plain_supernets import PartialEdge, matching_tensors, plain_supernet

from harness.errors import HarnessError
from harness.types import Budget
from methods import METHODS
from methods.relaxations import EdgeNormalised
from spaces import SPACES
from spaces.partial_channels import PartialChannelsEdge

BATCH, SIZE, CLASSES = 4, 8, 5


def sizes(space):
    return {"channels": 8, "cells": 3 if "normal" in space.cells else 1}


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", ["darts-none", "s1", "nasbench201"])
def test_equals_the_plain_one(name, training):
    space = SPACES[name]
    torch.manual_seed(1)
    outgoing = PartialChannelsEdge().outgoing
    net = space.supernet(dataclasses.replace(space.macro(), **sizes(space)), CLASSES, outgoing).double()
    plain = plain_supernet(space, classes=CLASSES, mixed=PartialEdge, **sizes(space)).double()
    for ours, theirs in matching_tensors(net, plain):
        theirs.data.copy_(ours)
    x, y = torch.randn(BATCH, 3, SIZE, SIZE, dtype=torch.float64), torch.arange(BATCH)
    alpha = torch.randn(EdgeNormalised().size(space), dtype=torch.float64)
    gates = EdgeNormalised().strengths(alpha, space).requires_grad_()
    other = gates.detach().clone().requires_grad_()
    out, expected = net.train(training)(x, gates), plain.train(training)(x, other)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    F.cross_entropy(out, y).backward()
    F.cross_entropy(expected, y).backward()
    torch.testing.assert_close(gates.grad, other.grad, rtol=1e-9, atol=1e-12)
    for ours, theirs in matching_tensors(net, plain):  # the statistics, after a forward
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    for ours in net.parameters():  # from here on it holds its gradients
        ours.data = ours.grad
    for ours, theirs in matching_tensors(net, plain):
        if theirs.grad is not None:
            torch.testing.assert_close(ours, theirs.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("channels", "shares", "fits"), [(16, 4, True), (8, 4, True), (6, 4, False), (4, 4, False), (4, 2, True)]
)
def test_which_widths_can_be_shared_out(channels, shares, fits):
    def plan():
        return METHODS["pc-darts"].parts(SPACES["s1"], Budget(), user={"channels": channels, "shares": shares})

    if fits:
        assert plan().macro.channels == channels
        return
    with pytest.raises(HarnessError, match=f"^channels={channels} cannot be shared out {shares} ways"):
        plan()
