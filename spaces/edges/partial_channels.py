"""Partial channels: a share of a state's channels goes through the operations (PC-DARTS, Xu et al., ICLR 2020).

Of C channels the first C/K do; the others bypass them, through a 2x2 maximum pool where the edge has stride 2. Then the
K groups of C/K channels are shuffled, so that the next edges see others,

    edge(x) = shuffle(sum_o gate_o o(x_1), (sum_o gate_o) x_2),

PC-DARTS model_search.py:25-53. What bypasses the operations weighs as much as all of them together: 1 under a softmax,
and the edge's own weight where edges are normalised. The operations, and what they save, are K times smaller.

Where K does not divide C, C/K is rounded down for the operations, and the shuffle is that of the next multiple of K
channels without those that are not there (confopt utils/channel_shuffle.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from harness.core.errors import HarnessError
from harness.core.settings import setting
from spaces.cells import Edge
from spaces.edges.edge import EdgePart
from spaces.edges.sum import SumOfOperations
from spaces.space import Space
from spaces.supernet import Build, Outgoing


class PartialSum(nn.Module):
    """What leaves one state of a cell, of whose channels one in `shares` goes through the operations."""

    repeats = True
    order: Tensor | None

    def __init__(
        self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build, shares: int
    ) -> None:
        super().__init__()
        self.rows = {edge.target: row for row, edge in edges}
        self.sizes, self.stride = [channels // shares, channels - channels // shares], stride
        self.operations = SumOfOperations(edges, channels // shares, stride, build)
        self.register_buffer("order", _shuffled(channels, shares) if channels % shares else None, persistent=False)

    def forward(self, x: Tensor, gates: Tensor, draw: Generator | None) -> Iterator[tuple[int, Tensor]]:
        through, past = x.split(self.sizes, dim=1)
        sums: dict[int, Tensor] = {}
        for target, y in self.operations(through.contiguous(memory_format=torch.channels_last), gates, draw):
            sums[target] = sums[target] + y if target in sums else y
        past = F.max_pool2d(past, 2) if self.stride == 2 else past
        weights = gates.sum(dim=1)
        if self.order is not None:
            for target, y in sums.items():
                yield target, torch.cat([y, past * weights[self.rows[target]]], dim=1).index_select(1, self.order)
            return
        width = self.sizes[0]
        # Channel i of group k becomes channel K i + k: the groups side by side in a last dimension.
        groups = past.permute(0, 2, 3, 1).unflatten(3, (-1, width)).transpose(3, 4)
        for target, y in sums.items():
            shuffled = torch.cat([y.permute(0, 2, 3, 1)[..., None], groups * weights[self.rows[target]]], dim=4)
            yield target, shuffled.flatten(3).permute(0, 3, 1, 2)

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        return self.operations.pieces()


def _shuffled(channels: int, shares: int) -> Tensor:
    """The channels in the order in which a shuffle of `shares` groups leaves them."""
    longest = -(-channels // shares)
    order = torch.arange(shares * longest).view(shares, longest).t().flatten()
    return order[order < channels]


@dataclass(frozen=True)
class PartialChannelsEdge(EdgePart):
    """A mixed edge is the gated sum of its operations on a share of the channels, and the others as they are."""

    shares: int = setting(4, "PC-DARTS model_search.py, K: one channel in so many; 2 on ImageNet", minimum=2)

    @staticmethod
    def prepare(gates: Tensor) -> Tensor:
        return gates

    def __call__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build) -> nn.Module:
        return PartialSum(edges, channels, stride, build, self.shares)

    @property
    def outgoing(self) -> Outgoing:
        return self

    def check(self, space: Space) -> None:
        """Raises HarnessError for a space with an edge that changes the number of channels, which none can bypass."""
        for edge in space.edges:
            if not space.keeps_channels(edge):
                raise HarnessError(
                    f"of partial channels most bypass the operations, which the edge {edge.target} <- {edge.source} of "
                    f"{space.name} does not let them: it changes how many there are. Use a space of cells."
                )

    def check_width(self, channels: int) -> None:
        if channels < self.shares:  # where a skip halves the map, there are twice as many, and it takes two
            raise HarnessError(f"channels={channels} cannot be shared out {self.shares} ways; set channels higher.")


@dataclass(frozen=True)
class WidenedEdge(PartialChannelsEdge):
    """The same, with a larger share in the schedule's second stage (DrNAS, Chen et al., ICLR 2021; DARTS-space/
    train_search.py, 201-space/train_search_progressive.py: 6, then 4, and 4, then 2 on NAS-Bench-201). The operations
    inherit as wider ones do: new channels are copies of the old (choice: in turn; net2wider.py draws them)."""

    shares_second: int = setting(2, "DrNAS: one channel in so many from the second stage on", minimum=2)

    def of_stage(self, number: int) -> PartialChannelsEdge:
        return replace(self, shares=self.shares_second) if number else self

    def check_width(self, channels: int) -> None:
        super().check_width(channels)
        PartialChannelsEdge(self.shares_second).check_width(channels)
