"""The single-path edge: of every mixed edge only the operation with the largest gate runs (GDAS; ZARTS supplement 2.6).

Meant for hard gates, which are 1 at one operation and 0 elsewhere: the output is then that of the sum of operations, at
the time and memory of one of them. What did not run has no output for its gate to get a gradient from; NAS-Bench-201's
code gives it one by adding the gates themselves, whose values are 0 (AutoDL-Projects search_cells.py, forward_gdas),
its NASNet-space code does not. Weights that did not run get a zero gradient, so momentum and weight decay still act on
them, as in GDAS's code under torch 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Generator, Tensor, nn

from harness.core.settings import setting
from spaces.cells import Edge
from spaces.edges.edge import EdgePart
from spaces.operations import Rectified
from spaces.supernet import Build, Outgoing, evaluate, named_tensors


class Choice(NamedTuple):
    """The operation of one edge that runs, by its column, its gate, and what the other gates add (scalars)."""

    column: int
    gate: Tensor
    others: Tensor | None


class SinglePath(nn.Module):
    """What leaves one state of a cell: each edge its chosen operation, times the gate."""

    repeats = False

    def __init__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build) -> None:
        super().__init__()
        self.edges = edges
        self.own = nn.ModuleList(
            nn.ModuleDict({name: build(name, channels, stride) for name in edge.operations}) for _, edge in edges
        )

    @staticmethod
    def prepare(gates: Tensor) -> Sequence[Choice]:
        columns = gates.argmax(dim=1).tolist()  # waits for the device: the host must know what to run
        return [Choice(column, row[column], None) for column, row in zip(columns, gates.unbind(), strict=True)]

    def forward(self, x: Tensor, gates: Sequence[Choice], draw: Generator | None) -> Iterator[tuple[int, Tensor]]:
        chosen = [
            cast(nn.ModuleDict, own)[edge.operations[gates[row].column]]
            for (row, edge), own in zip(self.edges, self.own, strict=True)
        ]
        rectified = torch.relu(x) if any(isinstance(operation, Rectified) for operation in chosen) else x
        for (row, edge), operation in zip(self.edges, chosen, strict=True):
            _, gate, others = gates[row]
            y = evaluate(operation, x, rectified, draw)
            if gate.requires_grad:
                y = y * gate if others is None else torch.addcmul(others, y, gate)
            yield edge.target, y

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        for (_, edge), own in zip(self.edges, self.own, strict=True):
            for name, tensor in named_tensors(own):
                yield f"{edge.source}-{edge.target}.{name}", tensor


class SinglePathAllGates(SinglePath):
    """The same, with the gates of the operations that did not run added to the output."""

    @staticmethod
    def prepare(gates: Tensor) -> Sequence[Choice]:
        choices = SinglePath.prepare(gates)
        return [choice._replace(others=row.sum() - choice.gate) for choice, row in zip(choices, gates, strict=True)]


@dataclass(frozen=True)
class SinglePathEdge(EdgePart):
    """One operation per edge runs: the one that hard gates choose."""

    unchosen_gates: str = setting(
        "ignored",
        "ignored: GDAS's NASNet-space code; added: its NAS-Bench-201 code, so that they get a gradient",
        choices=("ignored", "added"),
    )

    @property
    def outgoing(self) -> Outgoing:
        return SinglePath if self.unchosen_gates == "ignored" else SinglePathAllGates
