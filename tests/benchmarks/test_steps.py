"""What a weight step costs on the production supernet and on the plain one, side by side: read the ratio of a group."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from plain_supernets import plain_supernet

from spaces import SPACES
from spaces.fused import SumOfOperations

BATCH, SIZE, CLASSES = 16, 16, 10


def production(space, sizes):
    net = space.supernet(dataclasses.replace(space.macro(), **sizes), CLASSES, SumOfOperations)
    return net.to(memory_format=torch.channels_last), torch.channels_last


def plain(space, sizes):
    return plain_supernet(space, classes=CLASSES, **sizes), torch.contiguous_format


@pytest.mark.parametrize("build", [plain, production], ids=["plain", "production"])
@pytest.mark.parametrize("name", ["s1", "darts", "nasbench201"])
def test_weight_step(benchmark, name, build):
    benchmark.group = f"forward and backward, {name}"
    space = SPACES[name]
    torch.manual_seed(0)
    net, layout = build(space, {"channels": 4, "cells": 1 if name == "nasbench201" else 3})
    images = torch.randn(BATCH, 3, SIZE, SIZE).contiguous(memory_format=layout)
    labels = torch.randint(CLASSES, (BATCH,))
    gates = torch.full((len(space.widths), max(space.widths)), 0.2)

    def step():
        F.cross_entropy(net(images, gates), labels).backward()

    benchmark(step)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
