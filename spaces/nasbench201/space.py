"""NAS-Bench-201: one cell of four states and six edges, five operations, 15,625 cells; and cells like it, of other
edges and operations.

Source: Dong & Yang, NAS-Bench-201 (ICLR 2020); AutoDL-Projects search_cells.py:31-46, search_model_darts.py:22-105.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from spaces.every_edge import EveryEdgeSpace
from spaces.nasbench201.topology import EDGES, NasBench201Macro
from spaces.space import Final

if TYPE_CHECKING:
    from torch import nn

    from spaces.supernet import Outgoing, Supernet


@dataclass(frozen=True, repr=False)
class NasBench201Space(EveryEdgeSpace):
    """A space with NAS-Bench-201's networks."""

    def macro(self) -> NasBench201Macro:
        return NasBench201Macro()

    def as_large(self, genotype: Genotype) -> Genotype:
        """With its operations in order: what one costs does not depend on its edge."""
        ((kind, cell),) = genotype.cells
        names = iter(sorted(name for name, _ in cell.edges))
        nodes = tuple(tuple((next(names), source) for _, source in node) for node in cell.nodes)
        return Genotype(((kind, replace(cell, nodes=nodes)),))

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
