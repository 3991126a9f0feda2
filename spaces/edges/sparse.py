"""The sparse edge: of every mixed edge the operations run whose gates are not zero, and no others.

The output is that of the sum of operations, at the time and memory of those that run. What did not run has no output
for its gate to get a gradient from. Weights that did not run get a zero gradient, so momentum and weight decay still
act on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Generator, Tensor, nn

from spaces.cells import Edge
from spaces.edges.edge import EdgePart
from spaces.operations import State, evaluate
from spaces.supernet import Build, Outgoing, named_tensors


class Active(NamedTuple):
    """The operations of one edge that run, by their columns; their gates, None for an output that is taken as it is;
    and what is added to the edge's output (a scalar)."""

    columns: Sequence[int]
    gates: Sequence[Tensor | None]
    added: Tensor | None = None


class SparseOperations(nn.Module):
    """What leaves one state of a cell: each edge the gated sum of its active operations; zeros where none is."""

    repeats = False

    def __init__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build) -> None:
        super().__init__()
        self.edges, self.channels, self.stride = edges, channels, stride
        self.own = nn.ModuleList(
            nn.ModuleDict({name: build(name, channels, stride) for name in edge.operations}) for _, edge in edges
        )

    @staticmethod
    def prepare(gates: Tensor) -> Sequence[Active]:
        active = [  # waits for the device: the host must know what to run
            [column for column, value in enumerate(row) if value != 0] for row in gates.tolist()
        ]
        return [Active(columns, [row[i] for i in columns]) for columns, row in zip(active, gates.unbind(), strict=True)]

    def forward(self, x: Tensor, gates: Sequence[Active], draw: Generator | None) -> Iterator[tuple[int, Tensor]]:
        chosen = [
            [cast(nn.ModuleDict, own)[edge.operations[column]] for column in gates[row].columns]
            for (row, edge), own in zip(self.edges, self.own, strict=True)
        ]
        state = State(x)
        for (row, edge), operations in zip(self.edges, chosen, strict=True):
            total = gates[row].added
            for operation, gate in zip(operations, gates[row].gates, strict=True):
                y = evaluate(operation, state, draw)
                if gate is not None:
                    y = y * gate if total is None else torch.addcmul(total, y, gate)
                elif total is not None:
                    y = total + y
                total = y
            yield edge.target, self._zeros(x) if total is None else total

    def _zeros(self, x: Tensor) -> Tensor:
        """What an edge gives whose operations all rest."""
        return torch.zeros_like(x[:, :1, :: self.stride, :: self.stride]).expand(-1, self.channels, -1, -1)

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        for (_, edge), own in zip(self.edges, self.own, strict=True):
            for name, tensor in named_tensors(own):
                yield f"{edge.source}-{edge.target}.{name}", tensor


@dataclass(frozen=True)
class SparseEdge(EdgePart):
    """A mixed edge is the gated sum of its operations, of which those with a gate of 0 are not run."""

    @property
    def outgoing(self) -> Outgoing:
        return SparseOperations
