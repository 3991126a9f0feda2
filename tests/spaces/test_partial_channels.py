"""PC-DARTS's edge: the values of the plain one, and which widths can be shared out."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from plain_supernets import PartialEdge, hold_to_plain, plain_supernet

from harness.core.errors import HarnessError
from harness.core.types import Budget
from methods import METHODS
from methods.relaxations.edge_normalised import EdgeNormalised
from spaces import SPACES
from spaces.edges.partial_channels import PartialChannelsEdge

CLASSES = 5


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("name", "channels"), [("darts-none", 8), ("s3", 7), ("nasbench201", 8)])
def test_equals_the_plain_one(name, channels, training):
    """With 7 channels, 14 and 28 of which 4 shares are 1, 3 and 7."""
    space = SPACES[name]
    torch.manual_seed(1)
    outgoing, sizes = (
        PartialChannelsEdge().outgoing,
        {"channels": channels, "cells": 3 if "normal" in space.cells else 1},
    )
    net = space.supernet(dataclasses.replace(space.macro(), **sizes), CLASSES, outgoing).double()
    plain = plain_supernet(space, classes=CLASSES, mixed=PartialEdge, **sizes).double()
    alpha = torch.randn(EdgeNormalised().size(space), dtype=torch.float64)
    gates = EdgeNormalised().strengths(alpha, space).requires_grad_()
    other = gates.detach().clone().requires_grad_()
    hold_to_plain(net.train(training), plain.train(training), gates, other)
    torch.testing.assert_close(gates.grad, other.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("channels", "shares", "fits"), [(16, 4, True), (7, 4, True), (4, 4, True), (3, 4, False), (2, 4, False)]
)
def test_which_widths_can_be_shared_out(channels, shares, fits):
    def plan():
        return METHODS["pc-darts"].parts(SPACES["s1"], Budget(), user={"channels": channels, "shares": shares})

    if fits:
        assert plan().macro.channels == channels
        return
    with pytest.raises(HarnessError, match=f"^channels={channels} cannot be shared out {shares} ways"):
        plan()
