"""ISTA-NAS' relaxation: the few operations that run are a sparse code, recovered from a short vector that is learnt."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.derivations.nodes import INPUTS_OF_NODE, has_free_inputs
from methods.relaxations.lasso import lasso
from methods.relaxations.relaxation import NOTHING, Relaxation, rows_of
from methods.schedules.clock import Clock
from spaces.space import Space

Memory = Mapping[str, Tensor]


@dataclass(frozen=True)
class SparseCode(Relaxation):
    """A vector b of `measurements` entries for every node; alpha is all of them, node by node (ISTA-NAS, Yang et al.,
    NeurIPS 2020; iboing/ISTA-NAS ista_nas/trainer.py, ista_nas/search/models/model_search.py).

    A node has a coefficient for every operation on every edge into it, and a fixed random matrix A, uniform in [0, 1).
    After every epoch its code x = argmin |A x - b|^2 / 2 + penalty |x|_1 is recovered, exactly; the two largest |x| are
    its support S, until the next recovery. There the gates are z = A_S^T b - (A_S^T A_S - 1) x_S, x fixed, and b gets
    its gradient through A_S^T b alone; elsewhere they are exactly 0, so that the sparse edge runs 2 operations a node:
    in the DARTS space 8 of a cell's 98. With the stem, the cells' preprocessing and the head, which always run, that
    leaves a sixth of the activations that DARTS saves for its backward passes, at the proxy protocol's size. Gates may
    be negative, and begin as small as b. Cells are derived from the supports: |x| there is an operation's strength.

    Choices: operations that cannot be derived have no coefficient. In cells whose every edge has an operation, as
    NAS-Bench-201's, every edge is a node by itself, with a support of one. Of equals the first operation is in S.

    It carries, with P = `measurements` times the nodes and d operations in alpha's order: `projection` (P, d), the
    matrices A as blocks, 0 besides; `code` (d,), x; `support` (d,), bool; and `offset` (d,), what the gates on the
    support are besides A^T b.
    """

    per_operation: ClassVar[bool] = False
    measurements: int = setting(7, "ISTA-NAS tools/train_search.py, proj_dims: entries of b for a node", minimum=1)
    penalty: float = setting(1e-5, "ISTA-NAS recovery/mosek.py:16-29: lambda of the LASSO", minimum=1e-12)

    def size(self, space: Space) -> int:
        return self.measurements * len(nodes_of(space))

    def start(self, alpha: Tensor, space: Space, draw: Generator) -> dict[str, Tensor]:
        projection = torch.zeros(self.size(space), space.dimension, dtype=torch.float64)
        for number, columns in enumerate(nodes_of(space)):
            block = torch.rand(self.measurements, len(columns), generator=draw, dtype=torch.float64)
            projection[self._rows(number), columns] = block
        nothing = alpha.new_zeros(space.dimension)
        return self._recovered(
            {"projection": projection.to(alpha), "code": nothing, "support": nothing > 0}, alpha, space
        )

    def after_epoch(self, memory: Memory, alpha: Tensor, space: Space, clock: Clock) -> Memory:
        return self._recovered(memory, alpha, space)

    def strengths(self, alpha: Tensor, space: Space, memory: Memory = NOTHING) -> Tensor:
        return rows_of(memory["code"].abs() * memory["support"], space.widths, 0.0)

    def gates(self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Memory = NOTHING) -> Tensor:
        flat = alpha @ memory["projection"] + memory["offset"]
        return rows_of(torch.where(memory["support"], flat, 0.0), space.widths, 0.0)

    def _recovered(
        self, memory: Memory, alpha: Tensor, space: Space, settled: Collection[int] = ()
    ) -> dict[str, Tensor]:
        """What is carried once the codes are those of alpha (P,); the nodes with the numbers `settled` keep theirs."""
        projection, vectors = memory["projection"].double().cpu(), alpha.detach().double().cpu()
        code, support = memory["code"].double().cpu().clone(), memory["support"].cpu().clone()
        count = INPUTS_OF_NODE if has_free_inputs(space) else 1
        for number, columns in enumerate(nodes_of(space)):
            if number not in settled:
                rows = self._rows(number)
                found = lasso(projection[rows, columns].numpy(), vectors[rows].numpy(), self.penalty)
                code[columns] = torch.from_numpy(found)
                largest = sorted(range(len(columns)), key=lambda i: -abs(found[i]))[:count]
                support[columns] = False
                support[[columns[i] for i in largest]] = True
        code = code.to(alpha.dtype)
        chosen = code.double() * support
        offset = chosen - (projection @ chosen) @ projection
        carried = {"code": code, "support": support, "offset": offset.to(alpha.dtype)}
        return {**memory, **{name: tensor.to(alpha.device) for name, tensor in carried.items()}}

    def _rows(self, number: int) -> slice:
        """Of the entries of alpha, those of a node's b."""
        return slice(number * self.measurements, (number + 1) * self.measurements)


def nodes_of(space: Space) -> list[list[int]]:
    """What competes with what: for every node the numbers of the operations into it that can be derived, counted in
    alpha's order of edges and operations."""
    nodes: dict[Hashable, list[int]] = {}
    number = 0
    for kind, edges in space.cells.items():
        for edge in edges:
            competing = edge.target if has_free_inputs(space) else edge
            columns = nodes.setdefault((kind, competing), [])
            columns += [number + i for i, name in enumerate(edge.operations) if space.derivable(name)]
            number += len(edge.operations)
    return list(nodes.values())
