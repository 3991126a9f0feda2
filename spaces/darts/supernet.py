"""The supernets of the DARTS family. Sources: DARTS model_search.py, ZARTS model_search.py:86-263."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Generator, Tensor, nn

from spaces.cells import Edge
from spaces.darts.topology import INPUTS, NODES, OUTPUTS, reductions
from spaces.layouts import joined
from spaces.operations import OPERATIONS, FactorizedReduce, norm, relu_conv_bn
from spaces.stems import STEM_MULTIPLIER, STEMS
from spaces.supernet import POOLS, Gates, MixedGraph, Outgoing, Supernet


def darts_candidate(name: str, channels: int, stride: int) -> nn.Module:
    """A pool is followed by a batch norm in search."""
    operation = OPERATIONS[name](channels, stride, False)
    return nn.Sequential(operation, norm(channels, False)) if name in POOLS else operation


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
        nodes: int,
    ) -> None:
        super().__init__()
        self.preprocess0 = (
            FactorizedReduce(c_before, channels, False) if after_reduction else relu_conv_bn(c_before, channels, False)
        )
        self.preprocess1 = relu_conv_bn(c_previous, channels, False)
        strides = [2 if reduction and source < INPUTS else 1 for source in range(INPUTS + nodes - 1)]
        self.graph = MixedGraph(edges, INPUTS, channels, strides, darts_candidate, outgoing)

    def forward(self, s0: Tensor, s1: Tensor, gates: Gates, draw: Generator | None) -> Tensor:
        states = self.graph([self.preprocess0(s0), self.preprocess1(s1)], gates, draw)
        return joined(states[-OUTPUTS:])


class DartsSupernet(Supernet):
    """Stem, `cells` cells of which those at cells//3 and 2*cells//3 halve the map and double the channels, head."""

    def __init__(
        self,
        mixed: Mapping[str, Sequence[Edge]],
        macro: Any,
        classes: int,
        outgoing: Outgoing,
        nodes: int = NODES,
    ) -> None:
        """`mixed` holds the mixed edges of the normal and of the reduction cells; a supernet of one cell, which is a
        reduction cell, needs no others."""
        super().__init__()
        self.normal_rows, self.prepare = len(mixed.get("normal", ())), outgoing.prepare
        channels, stem = macro.channels, STEM_MULTIPLIER * macro.channels
        self.stem = STEMS[macro.stem](stem)
        c_before, c_previous, after_reduction = stem, stem, macro.stem == "imagenet"
        self.reductions = reductions(macro.cells)
        self.cells = nn.ModuleList()
        for index in range(macro.cells):
            reduction = index in self.reductions
            channels *= 2 if reduction else 1
            edges = mixed["reduce" if reduction else "normal"]
            self.cells.append(
                DartsCell(edges, c_before, c_previous, channels, after_reduction, reduction, outgoing, nodes)
            )
            c_before, c_previous, after_reduction = c_previous, OUTPUTS * channels, reduction
        self.classifier = nn.Linear(c_previous, classes)

    def forward(self, x: Tensor, gates: Tensor, draw: Generator | None = None) -> Tensor:
        rows = self.prepare(gates)
        normal, reduce = rows[: self.normal_rows], rows[self.normal_rows :]
        s0, s1 = self.stem(x)
        for index, cell in enumerate(self.cells):
            s0, s1 = s1, cell(s0, s1, reduce if index in self.reductions else normal, draw)
        return self.classifier(s1.mean((2, 3)))
