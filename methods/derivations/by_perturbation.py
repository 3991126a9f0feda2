"""DARTS-PT's derivation: what the supernet misses most when it is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.core.genotype import Genotype
from harness.core.settings import setting
from methods.derivations.derivation import OfSpace, Standing
from methods.derivations.harm import MEASURED_BY, MEASURES, harm


@dataclass(frozen=True)
class ByPerturbation(OfSpace):
    """Edge by edge in random order, each operation's gate is set to 0 by itself; the operation whose loss hurts the
    supernet most stays, alone and with gate 1 (DARTS-PT, Wang et al., ICLR 2021; sota/cnn/projection.py). Then node by
    node in random order, the edge whose removal hurts least goes, until the node has as many as the space derives.

    The supernet is not trained on between decisions: that is what the schedule `projected` does. A search costs one
    validation for every operation of every edge more. Until its end, its records show the cell by the strengths.
    """

    hurts_by: str = setting("accuracy", MEASURED_BY, choices=MEASURES)

    @property
    def words(self) -> str:
        return "by perturbation of the last epoch's supernet: of every edge the operation whose removal hurts it most"

    def conclude(self, at: Standing) -> Genotype:
        gates, draw = at.gates().clone(), at.draw()
        kept = [names for names in at.kept if names]
        candidates = [_derivable(at, names) for names in kept]
        for row in torch.randperm(len(kept), generator=draw).tolist():
            chosen = max(candidates[row], key=lambda column: harm(at, gates, row, column, self.hurts_by))
            gates[row] = 0.0
            gates[row, chosen] = 1.0
        self._remove_edges(at, gates, draw)
        rows = [
            [float(name in names and gate[names.index(name)] > 0) for name in edge.operations]
            for edge, names, gate in zip(at.space.edges, kept, gates.tolist(), strict=True)
        ]
        return at.space.derive(rows)

    def _remove_edges(self, at: Standing, gates: Tensor, draw: torch.Generator) -> None:
        """Sets to 0 the gates of the edges that do not stay."""
        own, nodes = at.space.derive(at.strengths), []
        of_kind = [(kind, edge.target) for kind, edges in at.space.cells.items() for edge in edges]
        for kind, cell in own.cells:
            for target, derived in enumerate(cell.nodes, start=cell.inputs):
                nodes.append(([row for row, entry in enumerate(of_kind) if entry == (kind, target)], len(derived)))
        for number in torch.randperm(len(nodes), generator=draw).tolist():
            rows, wanted = nodes[number]
            while len(rows) > wanted:
                least = min(rows, key=lambda row: harm(at, gates, row, int(gates[row].argmax()), self.hurts_by))
                gates[least] = 0.0
                rows.remove(least)


def _derivable(at: Standing, names: Sequence[str]) -> list[int]:
    """The columns of an edge's gates that a cell can be given."""
    return [column for column, name in enumerate(names) if at.space.derivable(name)]
