"""A skip besides on every edge, whatever the edge part of the method: DARTS-Bench-Suite's all-skip benchmarks.

    sum_o gate_o o(x) + skip(x)

Unlike DARTS-'s auxiliary skip it belongs to the space: it never fades, and is part of the final network. It is of all
channels (choice: with partial channels, confopt's is of the share that the operations have). With stride 2 it is a
factorized reduction with weights of its own. Source: confopt searchspace/common/mixop.py, OperationBlock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from torch import Generator, Tensor, nn

from spaces.cells import Edge
from spaces.supernet import Build, Gates, Outgoing, named_tensors

SKIP = "skip_connect"


class EdgesWithSkips(nn.Module):
    """What leaves one state of a cell: the mixed edges of any part, and their skips."""

    def __init__(
        self, mixed: nn.Module, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build
    ) -> None:
        super().__init__()
        self.mixed = mixed
        self.between = [(edge.source, edge.target) for _, edge in edges]
        self.skips = nn.ModuleList(build(SKIP, channels, stride) for _ in edges)

    @property
    def repeats(self) -> bool:
        return cast(Any, self.mixed).repeats

    def forward(self, x: Tensor, gates: Gates, draw: Generator | None) -> Iterator[tuple[int, Tensor]]:
        yield from self.mixed(x, gates, draw)
        for (_, target), skip in zip(self.between, self.skips, strict=True):
            yield target, skip(x)

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        yield from cast(Any, self.mixed).pieces()
        for (source, target), skip in zip(self.between, self.skips, strict=True):
            for name, tensor in named_tensors(skip):
                yield f"{source}-{target}.permanent.{name}", tensor


@dataclass(frozen=True)
class WithSkips:
    """An `Outgoing` that adds the skips to another's edges."""

    outgoing: Outgoing

    def prepare(self, gates: Tensor) -> Gates:
        return self.outgoing.prepare(gates)

    def __call__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build) -> nn.Module:
        return EdgesWithSkips(self.outgoing(edges, channels, stride, build), edges, channels, stride, build)
