"""Supernets: one network that holds every candidate operation of every edge, mixed by gates.

`forward(x, gates, draw)` takes images (B, 3, H, W), one row of gates per mixed edge (rows, widest edge), as alpha has
them and `EdgePart.all_gates` makes of them, and the randomness of this forward (only noise operations read it); it
returns logits (B, classes). Batch norms inside the cells have no affine part, as in every search code of the family.

A cell is evaluated state by state: as soon as a state is complete, everything that leaves it is computed, so that what
several edges have in common (the ReLU, the pools, which have no weights) is computed once. Sources: DARTS
model_search.py, ZARTS model_search.py:86-263, AutoDL-Projects search_model_darts.py:22-59.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast

from torch import Generator, Tensor, nn

from spaces.cells import Edge
from spaces.operations import Drawing

POOLS = ("max_pool_3x3", "avg_pool_3x3")

Build = Callable[[str, int, int], nn.Module]
"""(operation, channels, stride) -> the candidate as it is in search."""
Gates = Sequence[Any] | Tensor
"""One entry per edge of a cell, as the edge part's `prepare` makes them."""


class Outgoing(Protocol):
    """The edge part of a method: builds what leaves one state of a cell. The module built is called with the state
    (B, C, H, W), the prepared gates of its cell and the randomness of this forward, and yields (target state,
    contribution); its `pieces()` yields, edge by edge and operation by operation, what `Supernet.pieces` tells; its
    `repeats` says whether it runs the same operations whatever the gates, and does not wait for them."""

    def prepare(self, gates: Tensor) -> Gates:
        """The gates (rows, widest) as the modules want them; called once per forward of a supernet, for all rows."""
        ...

    def __call__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build) -> nn.Module:
        """`edges` with their rows, all leaving one state."""
        ...


class Supernet(nn.Module):
    """A supernet is called as `supernet(images, gates, draw)`."""

    def forward(self, x: Tensor, gates: Tensor, draw: Generator | None = None) -> Tensor:
        raise NotImplementedError

    @property
    def repeats(self) -> bool:
        """Whether every forward of a shape launches the same kernels, and draws nothing."""
        leaving = [own for graph in self.modules() if isinstance(graph, MixedGraph) for own in graph.leaving]
        return all(cast(Any, own).repeats for own in leaving) and not any(
            isinstance(module, Drawing) for module in self.modules()
        )

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        """Every parameter and batch-norm statistic under a name that does not depend on how the edge part stores it, as
        a view that can be read and written. What belongs to an operation of an edge is called, for example,
        "cells.3.graph.0-2.sep_conv_3x3.1.weight": the cell, the edge from state 0 to state 2, and the name in the
        operation's own module. So a supernet inherits what a smaller or larger one has under the same names. Edges may
        share a tensor (the statistics of pools): it then has several names."""
        graphs = {name: graph for name, graph in self.named_modules() if isinstance(graph, MixedGraph)}
        for name, tensor in named_tensors(self):
            if not any(name.startswith(f"{graph}.") for graph in graphs):
                yield name, tensor
        for name, graph in graphs.items():
            for leaving in graph.leaving:
                for piece, tensor in cast(Any, leaving).pieces():
                    yield f"{name}.{piece}", tensor


def named_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The parameters and batch-norm statistics of a module in the order of its layers, without what only counts."""
    return ((name, tensor) for name, tensor in module.state_dict().items() if tensor.is_floating_point())


class MixedGraph(nn.Module):
    """The mixed edges of one cell, from its inputs to its last state."""

    def __init__(
        self,
        edges: Sequence[Edge],
        inputs: int,
        channels: int,
        strides: Sequence[int],
        build: Build,
        outgoing: Outgoing,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        rows = list(enumerate(edges))
        self.leaving = nn.ModuleList(
            outgoing([(row, edge) for row, edge in rows if edge.source == source], channels, stride, build)
            for source, stride in enumerate(strides)
        )

    def forward(self, inputs: Sequence[Tensor], gates: Gates, draw: Generator | None) -> list[Tensor]:
        """All states of the cell, inputs first."""
        states = list(inputs)
        sums: dict[int, Tensor] = {}
        for source, leaving in enumerate(self.leaving):
            for target, y in leaving(states[source], gates, draw):
                sums[target] = sums[target] + y if target in sums else y
            if source + 1 >= self.inputs:
                states.append(sums.pop(source + 1))
        return states
