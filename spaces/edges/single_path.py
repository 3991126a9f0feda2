"""The single-path edge: of every mixed edge only the operation with the largest gate runs (GDAS; ZARTS supplement 2.6).

Meant for hard gates, which are 1 at one operation and 0 elsewhere: the output is then that of the sum of operations, at
the time and memory of one of them. Of an edge whose gates are all 0 nothing runs. What did not run has no output for
its gate to get a gradient from; NAS-Bench-201's code gives it one by adding the gates themselves, whose values are 0
(AutoDL-Projects search_cells.py, forward_gdas), its NASNet-space code does not. Weights that did not run get a zero
gradient, so momentum and weight decay still act on them, as in GDAS's code under torch 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from harness.core.settings import setting
from spaces.edges.edge import EdgePart
from spaces.edges.sparse import Active, SparseOperations
from spaces.supernet import Outgoing


class SinglePath(SparseOperations):
    """What leaves one state of a cell: each edge its chosen operation, times the gate."""

    @staticmethod
    def prepare(gates: Tensor) -> Sequence[Active]:
        columns = gates.argmax(dim=1).tolist()  # waits for the device: the host must know what to run
        runs = gates.detach().any(dim=1).tolist()
        return [
            Active([column], [row[column] if gates.requires_grad else None]) if some else Active([], [])
            for column, row, some in zip(columns, gates.unbind(), runs, strict=True)
        ]


class SinglePathAllGates(SinglePath):
    """The same, with the gates of the operations that did not run added to the output."""

    @staticmethod
    def prepare(gates: Tensor) -> Sequence[Active]:
        active = SinglePath.prepare(gates)
        if not gates.requires_grad:
            return active  # what is added is 0
        chosen = [cast(Tensor, one.gates[0]) if one.gates else 0.0 for one in active]
        return [one._replace(added=row.sum() - gate) for one, row, gate in zip(active, gates, chosen, strict=True)]


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
