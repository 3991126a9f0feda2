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
from itertools import pairwise
from typing import Any, Protocol, cast

import torch
from torch import Generator, Tensor, nn

from spaces.darts.space import INPUTS, NODES, DartsMacro, DartsSpace, reductions
from spaces.nasbench201.space import STATES, NasBench201Macro, NasBench201Space
from spaces.operations import OPERATIONS, Drawing, FactorizedReduce, Rectified, ResidualBlock, apply, norm, relu_conv_bn
from spaces.space import Edge, Space
from spaces.stems import STEM_MULTIPLIER, STEMS, image_stem

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


class EdgePart:
    """What a mixed edge computes, with its hyper-parameters: the base of the frozen dataclasses that say so."""

    @property
    def outgoing(self) -> Outgoing:
        """Builds what leaves one state of a cell."""
        raise NotImplementedError

    def all_gates(self, gates: Tensor, epoch: int, epochs: int) -> Tensor:
        """What `outgoing` is given at an epoch of so many: the gates (rows, widest) of alpha's operations, and in
        further columns those that alpha has no say in."""
        return gates

    def check(self, space: Space) -> None:
        """Raises HarnessError for a space that this edge does not apply to."""

    def check_width(self, channels: int) -> None:
        """Raises HarnessError for a supernet whose first cell has a number of channels that this edge cannot have."""

    def adjust(self, net: nn.Module, stage: int, epoch: int, epochs: int, warmup: int) -> None:
        """Sets what depends on the epoch, an epoch of a stage of so many."""


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


def evaluate(operation: nn.Module, x: Tensor, rectified: Tensor, draw: Generator | None) -> Tensor:
    """The operation on a state x, of which the rectified values are at hand."""
    return operation.after(rectified) if isinstance(operation, Rectified) else apply(operation, x, draw)


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


def darts_candidate(name: str, channels: int, stride: int) -> nn.Module:
    """A pool is followed by a batch norm in search."""
    operation = OPERATIONS[name](channels, stride, False)
    return nn.Sequential(operation, norm(channels, False)) if name in POOLS else operation


def nasbench201_candidate(name: str, channels: int, stride: int) -> nn.Module:
    return OPERATIONS[name](channels, stride, False)


class DartsCell(nn.Module):
    def __init__(
        self,
        edges: Sequence[Edge],
        c_before: int,
        c_previous: int,
        channels: int,
        after_reduction: bool,
        reduction: bool,
        outgoing: Outgoing,
    ) -> None:
        super().__init__()
        self.preprocess0 = (
            FactorizedReduce(c_before, channels, False) if after_reduction else relu_conv_bn(c_before, channels, False)
        )
        self.preprocess1 = relu_conv_bn(c_previous, channels, False)
        strides = [2 if reduction and source < INPUTS else 1 for source in range(INPUTS + NODES - 1)]
        self.graph = MixedGraph(edges, INPUTS, channels, strides, darts_candidate, outgoing)

    def forward(self, s0: Tensor, s1: Tensor, gates: Gates, draw: Generator | None) -> Tensor:
        states = self.graph([self.preprocess0(s0), self.preprocess1(s1)], gates, draw)
        return cast(Tensor, _Joined.apply(*states[INPUTS:]))


class _Joined(torch.autograd.Function):
    """Images side by side in their channels. Each gets a gradient of its own memory: what reads it, the batch norms of
    all edges to a state, is several times slower on a slice."""

    @staticmethod
    def forward(ctx: Any, *images: Tensor) -> Tensor:
        ctx.channels = [image.shape[1] for image in images]
        return torch.cat(images, dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        return tuple(part.contiguous(memory_format=torch.channels_last) for part in gradient.split(ctx.channels, dim=1))


class DartsSupernet(Supernet):
    """Stem, `cells` cells of which those at cells//3 and 2*cells//3 halve the map and double the channels, head."""

    def __init__(self, space: DartsSpace, macro: DartsMacro, classes: int, outgoing: Outgoing) -> None:
        super().__init__()
        self.normal_rows, self.prepare = len(space.cells["normal"]), outgoing.prepare
        channels, stem = macro.channels, STEM_MULTIPLIER * macro.channels
        self.stem = STEMS[macro.stem](stem)
        c_before, c_previous, after_reduction = stem, stem, macro.stem == "imagenet"
        self.reductions = reductions(macro.cells)
        self.cells = nn.ModuleList()
        for index in range(macro.cells):
            reduction = index in self.reductions
            channels *= 2 if reduction else 1
            edges = space.cells["reduce" if reduction else "normal"]
            self.cells.append(DartsCell(edges, c_before, c_previous, channels, after_reduction, reduction, outgoing))
            c_before, c_previous, after_reduction = c_previous, NODES * channels, reduction
        self.classifier = nn.Linear(c_previous, classes)

    def forward(self, x: Tensor, gates: Tensor, draw: Generator | None = None) -> Tensor:
        rows = self.prepare(gates)
        normal, reduce = rows[: self.normal_rows], rows[self.normal_rows :]
        s0, s1 = self.stem(x)
        for index, cell in enumerate(self.cells):
            s0, s1 = s1, cell(s0, s1, reduce if index in self.reductions else normal, draw)
        return self.classifier(s1.mean((2, 3)))


class NasBench201Cell(nn.Module):
    def __init__(self, edges: Sequence[Edge], channels: int, outgoing: Outgoing) -> None:
        super().__init__()
        strides = [1] * (STATES - 1)
        self.graph = MixedGraph(edges, 1, channels, strides, nasbench201_candidate, outgoing)

    def forward(self, x: Tensor, gates: Gates, draw: Generator | None) -> Tensor:
        return self.graph([x], gates, draw)[-1]


class NasBench201Supernet(Supernet):
    """Stem, three stages of cells with a residual block of stride 2 before the second and the third, head."""

    def __init__(self, space: NasBench201Space, macro: NasBench201Macro, classes: int, outgoing: Outgoing) -> None:
        super().__init__()
        self.prepare = outgoing.prepare
        widths = [macro.channels, 2 * macro.channels, 4 * macro.channels]
        self.stem = image_stem(widths[0])
        self.stages = nn.ModuleList(
            nn.ModuleList(NasBench201Cell(space.cells["cell"], width, outgoing) for _ in range(macro.cells))
            for width in widths
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
