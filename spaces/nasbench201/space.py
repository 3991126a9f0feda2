"""NAS-Bench-201: one cell of four states and six edges, five operations, 15,625 cells; and cells like it, of other
edges and operations.

Source: Dong & Yang, NAS-Bench-201 (ICLR 2020); AutoDL-Projects search_cells.py:31-46, search_model_darts.py:22-105.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError
from harness.core.genotype import Cell, Genotype
from spaces.cells import Edge
from spaces.nasbench201.topology import EDGES, NasBench201Macro
from spaces.space import Final, Space, argmax

if TYPE_CHECKING:
    from torch import nn

    from spaces.supernet import Outgoing, Supernet


@dataclass(frozen=True, repr=False)
class NasBench201Space(Space):
    """Cells of one kind and one input, whose every edge carries one operation; the last state is the output. The edges
    are listed by target, and every state after the input is the target of one."""

    @property
    def choices(self) -> tuple[tuple[int, ...], ...]:
        """Per node, the operation on each of its edges."""
        return tuple(
            tuple(len(edge.operations) for edge in self.edges if edge.target == target)
            for target in range(1, self.states)
        )

    @property
    def states(self) -> int:
        """Of a cell, with its input."""
        return 1 + max(edge.target for edge in self.edges)

    def decode(self, code: Sequence[int]) -> Genotype:
        (kind,) = self.cells
        return Genotype(((kind, _cell(self.edges, code)),))

    def _derive_cell(self, edges: Sequence[Edge], probabilities: Sequence[Sequence[float]]) -> Cell:
        """Every edge stays, each with its most probable operation, `none` included."""
        return _cell(edges, [argmax(row, range(len(row))) for row in probabilities])

    def macro(self) -> NasBench201Macro:
        return NasBench201Macro()

    def divisor(self, macro: NasBench201Macro) -> int:
        return 4

    def supernet(self, macro: NasBench201Macro, classes: int, outgoing: Outgoing) -> Supernet:
        from spaces.nasbench201.supernet import NasBench201Supernet

        return NasBench201Supernet(self.edges, macro, classes, outgoing)

    def network(
        self, genotype: Genotype, channels: int, cells: int, classes: int, stem: str = "cifar", auxiliary: bool = False
    ) -> nn.Module:
        from spaces.nasbench201.network import NasBench201Network

        if genotype.kinds != tuple(self.cells):
            raise HarnessError(f"the genotype {genotype} is not a cell of {self.name}.")
        if stem != "cifar" or auxiliary:
            raise HarnessError("NAS-Bench-201's final network has no ImageNet stem and no auxiliary head.")
        return NasBench201Network(genotype, channels, cells, classes)


def _cell(edges: Sequence[Edge], code: Sequence[int]) -> Cell:
    """The cell with these operations on its edges, by their numbers."""
    chosen = {(e.source, e.target): e.operations[option] for e, option in zip(edges, code, strict=True)}
    last = max(edge.target for edge in edges)
    nodes = tuple(
        tuple((chosen[e.source, e.target], e.source) for e in edges if e.target == target)
        for target in range(1, last + 1)
    )
    return Cell(1, nodes, (last,))


NASBENCH201 = NasBench201Space(
    "nasbench201",
    "one cell, 6 edges, 5 operations, `none` derivable",
    "NAS-Bench-201, section 2.1",
    {"cell": EDGES},
    Final(channels=16, cells=5, per_stage=True),
    # AutoDL-Projects configs/nas-benchmark/algos/DARTS.config, and its own normalisation constants.
    {"nesterov": True, "weight_decay": 5e-4, "normalisation": "nasbench201"},
)
NASBENCH201_TABLE = NasBench201Space(
    "nasbench201-table",
    "the same cells; the loss is the benchmark's table, exactly",
    "NAS-Bench-201, section 2.1; the expectation over cells is this project's",
    {"cell": EDGES},
    NASBENCH201.final,
    table="nasbench201",
)
"""The same cells, with the benchmark's table as the objective of a search in place of a supernet's loss."""
