"""Where the candidate operations of a space stand in its networks: in which cells, at which channels and sizes.

They are found by running the supernet with edges that compute nothing and look at what they are given, so that the same
holds for every space whose supernet is made of an edge part, from outside too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from spaces.cells import Edge
from spaces.counting import counting
from spaces.space import Space
from spaces.supernet import Build, Supernet


@dataclass(frozen=True)
class Place:
    """One edge of one cell: operations there map a state (c_in, size, size) to (channels, size/stride, size/stride)."""

    row: int
    """The edge's place in `Space.edges`."""
    c_in: int
    size: int
    channels: int
    stride: int


class Frame:
    """A supernet without operations: stem, what adapts the inputs of cells, and head. Each edge gives zeros of the
    right shape."""

    def __init__(self, space: Space, macro: Any, classes: int) -> None:
        self.space, self.seen = space, list[Place]()
        with torch.random.fork_rng(devices=[]):
            self.module: Supernet = space.supernet(macro, classes, self)

    def prepare(self, gates: Tensor) -> Tensor:
        return gates

    def __call__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build) -> nn.Module:
        return _Leaving(edges, channels, stride, self.seen)

    @property
    def rows(self) -> Tensor:
        """Gates that tell every edge its row."""
        return torch.arange(len(self.space.edges))[:, None].expand(-1, max(self.space.widths))


class _Leaving(nn.Module):
    def __init__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, seen: list[Place]) -> None:
        super().__init__()
        self.edges, self.channels, self.stride, self.seen = edges, channels, stride, seen

    def forward(self, x: Tensor, gates: Tensor, draw: Generator | None) -> Iterator[tuple[int, Tensor]]:
        images, c_in, size, _ = x.shape
        for row, edge in self.edges:
            self.seen.append(Place(int(gates[row, 0]), c_in, size, self.channels, self.stride))
            yield edge.target, x.new_zeros(images, self.channels, size // self.stride, size // self.stride)


def places(space: Space, macro: Any, classes: int, image_size: int) -> tuple[Place, ...]:
    """Every edge of every cell of the networks of this size, on one image of this side."""
    frame = Frame(space, macro, classes)
    frame.module.eval()
    with counting():
        frame.module(torch.zeros(1, 3, image_size, image_size), frame.rows, None)
    return tuple(frame.seen)
