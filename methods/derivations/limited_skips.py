"""P-DARTS' limit on the skips of a cell."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from harness.core.genotype import Genotype
from harness.core.settings import setting
from methods.derivations.derivation import Derivation, OfSpace, Standing

SKIP, CAPPED = "skip_connect", "normal"
"""The kind of cell whose skips are limited; a space without it, such as NAS-Bench-201, has no limit (choice)."""


@dataclass(frozen=True)
class LimitedSkips(Derivation):
    """At most so many skips in the normal cell (P-DARTS train_search.py): while there are more, the weakest of them
    loses its strength, and the cell is derived again, from all operations of all edges. Skips that nothing can replace
    stay."""

    most_skips: int = setting(2, "P-DARTS: skips in the normal cell at most; 8 is no limit", minimum=0)
    inner: Derivation = field(default_factory=OfSpace)
    """How a cell is derived from the strengths that are left."""

    def derive(self, at: Standing) -> Genotype:
        rows = [list(row) for row in at.strengths]
        of_kind = [(kind, edge) for kind, edges in at.space.cells.items() for edge in edges]
        capped = {(edge.source, edge.target): (row, edge) for row, (kind, edge) in enumerate(of_kind) if kind == CAPPED}
        while True:
            genotype = self.inner.derive(replace(at, strengths=rows))
            skips = []
            for target, node in _nodes(genotype):
                for row, edge in (capped[source, target] for name, source in node if name == SKIP):
                    column = edge.operations.index(SKIP)
                    skips.append((rows[row][column], row, column))
            replaceable = [skip for skip in skips if skip[0] > 0]
            if len(skips) <= self.most_skips or not replaceable:
                return genotype
            _, row, column = min(replaceable)
            rows[row][column] = 0.0


def _nodes(genotype: Genotype) -> list[tuple[int, tuple[tuple[str, int], ...]]]:
    """(state, its edges) of the capped cell; empty where there is none."""
    cells = dict(genotype.cells)
    return list(enumerate(cells[CAPPED].nodes, start=cells[CAPPED].inputs)) if CAPPED in cells else []
