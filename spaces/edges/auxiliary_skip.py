"""The sum of operations with an auxiliary skip that fades out: DARTS-'s edge (Chu et al., ICLR 2021).

A skip helps a supernet to train, whether or not it is a good operation. So every edge has one besides its candidates,

    sum_o gate_o o(x) + beta skip(x),    beta from beta_0 at the first epoch down to beta_0 / epochs at the last,

and the gate of the skip among the candidates is left with what it is worth as an operation. With stride 2 the auxiliary
skip is a factorized reduction with weights of its own. It is in every forward, validation's too, and never derived.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from harness.core.settings import setting
from spaces.cells import Edge
from spaces.edges.edge import EdgePart
from spaces.edges.sum import SumOfOperations
from spaces.supernet import Build, Outgoing

SKIP = "skip_connect"


class SumWithAuxiliarySkip(nn.Module):
    """What leaves one state of a cell. The last column of the gates is beta, for all edges."""

    repeats = True

    def __init__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build) -> None:
        super().__init__()
        skips = [(row, Edge(edge.source, edge.target, (SKIP,))) for row, edge in edges]
        self.candidates = SumOfOperations(edges, channels, stride, build)
        self.skips = SumOfOperations(skips, channels, stride, build)

    @staticmethod
    def prepare(gates: Tensor) -> Tensor:
        return gates

    def forward(self, x: Tensor, gates: Tensor, draw: Generator | None) -> Iterator[tuple[int, Tensor]]:
        yield from self.candidates(x, gates, draw)
        yield from self.skips(x, gates[:, -1:].detach(), draw)

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.candidates.pieces()
        for name, tensor in self.skips.pieces():
            yield name.replace(SKIP, "auxiliary"), tensor


@dataclass(frozen=True)
class AuxiliarySkipEdge(EdgePart):
    """A mixed edge is the gated sum of its operations and, with a strength that falls linearly, a skip."""

    auxiliary_skip: float = setting(
        1.0, "DARTS- scripts/run_darts_minus.sh: --skip_beta 1 --decay linear; its strength at first", minimum=0
    )

    @property
    def outgoing(self) -> Outgoing:
        return SumWithAuxiliarySkip

    def all_gates(self, gates: Tensor, epoch: int, epochs: int) -> Tensor:
        return torch.cat([gates, gates.new_full((len(gates), 1), self.strength(epoch, epochs))], dim=1)

    def strength(self, epoch: int, epochs: int) -> float:
        """beta of an epoch (DARTS- utils.py:171-192)."""
        return self.auxiliary_skip * (epochs - epoch) / epochs
