"""NAS-Bench-201's supernet. Source: AutoDL-Projects search_model_darts.py:22-59."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Generator, Tensor, nn

from spaces.cells import Edge
from spaces.nasbench201.topology import NasBench201Macro
from spaces.operations import OPERATIONS, ResidualBlock, norm
from spaces.stems import image_stem
from spaces.supernet import Gates, MixedGraph, Outgoing, Supernet


def nasbench201_candidate(name: str, channels: int, stride: int) -> nn.Module:
    return OPERATIONS[name](channels, stride, False)


class NasBench201Cell(nn.Module):
    def __init__(self, edges: Sequence[Edge], channels: int, outgoing: Outgoing) -> None:
        super().__init__()
        strides = [1] * max(edge.target for edge in edges)
        self.graph = MixedGraph(edges, 1, channels, strides, nasbench201_candidate, outgoing)

    def forward(self, x: Tensor, gates: Gates, draw: Generator | None) -> Tensor:
        return self.graph([x], gates, draw)[-1]


class NasBench201Supernet(Supernet):
    """Stem, three stages of cells with a residual block of stride 2 before the second and the third, head."""

    def __init__(self, edges: Sequence[Edge], macro: NasBench201Macro, classes: int, outgoing: Outgoing) -> None:
        """`edges` are the mixed edges of a cell."""
        super().__init__()
        self.prepare = outgoing.prepare
        widths = [macro.channels, 2 * macro.channels, 4 * macro.channels]
        self.stem = image_stem(widths[0])
        self.stages = nn.ModuleList(
            nn.ModuleList(NasBench201Cell(edges, width, outgoing) for _ in range(macro.cells)) for width in widths
        )
        self.reductions = nn.ModuleList(ResidualBlock(c_in, c_out) for c_in, c_out in pairwise(widths))
        self.norm = norm(widths[-1], affine=True)
        self.classifier = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor, gates: Tensor, draw: Generator | None = None) -> Tensor:
        rows = self.prepare(gates)
        x = self.stem(x)
        for index, stage in enumerate(self.stages):
            if index > 0:
                x = self.reductions[index - 1](x)
            for cell in cast(nn.ModuleList, stage):
                x = cell(x, rows, draw)
        return self.classifier(torch.relu(self.norm(x)).mean((2, 3)))
