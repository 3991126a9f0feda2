"""The mobile family's supernets. A candidate is a whole block with its input added to it, so that under gates that add
up to 1 an edge is x + sum_o gate_o o(x), ProxylessNAS's mixed block with its Zero as the skip, and FBNet's.

Source: ProxylessNAS search/models/super_nets/super_proxyless.py. The batch norms of candidates have no affine part, as
in the other spaces and in SPOS (choice: ProxylessNAS's have; under gates that are not 0 or 1 it would undo them).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from torch import Generator, Tensor, nn

from spaces.cells import Edge
from spaces.mobile.layers import block, last_of, stem_of
from spaces.mobile.plan import Plan
from spaces.supernet import MixedGraph, Outgoing, Supernet


def candidate(c_in: int, name: str, channels: int, stride: int) -> nn.Module:
    return block(name, c_in, channels, stride, affine=False)


class MobileSupernet(Supernet):
    """Stem, the chain, head. Every block has its own width and stride, and so is a graph of one edge."""

    def __init__(self, edges: Sequence[Edge], plan: Plan, classes: int, outgoing: Outgoing) -> None:
        """`edges` are the mixed edges of the chain."""
        super().__init__()
        self.prepare = outgoing.prepare
        self.stem, self.last = stem_of(plan), last_of(plan)
        self.classifier = nn.Linear(plan.features, classes)
        self.blocks = nn.ModuleList(
            MixedGraph(
                [Edge(0, 1, edge.operations)], 1, own.c_out, [own.stride], partial(candidate, own.c_in), outgoing
            )
            for edge, own in zip(edges, plan.blocks, strict=True)
        )

    def forward(self, x: Tensor, gates: Tensor, draw: Generator | None = None) -> Tensor:
        rows = self.prepare(gates)
        x = self.stem(x)
        for row, graph in enumerate(cast(Sequence[MixedGraph], self.blocks)):
            x = graph([x], rows[row : row + 1], draw)[-1]
        return self.classifier(self.last(x))
