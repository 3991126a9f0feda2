"""What operations cost in the final networks of a space, edge by edge: parameters and multiply-accumulates, exactly.

A final network is what lies around its cells, and the operations that its genotype has: its cost is a sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness.core.errors import HarnessError
from harness.core.genotype import AND_SKIP, Genotype
from spaces.counting import count, count_placed
from spaces.places import places
from spaces.space import Space


@dataclass(frozen=True)
class Prices:
    """One kind of cost, of the networks of one size."""

    around: float
    """Of what every network of the space has."""
    edges: tuple[Mapping[str, float], ...]
    """By edge, in alpha's row order, what each of its operations costs, in all cells of a kind together."""

    def of(self, space: Space, genotype: Genotype) -> float:
        """That of a genotype's network. Raises HarnessError for one of another space."""
        at = {
            (kind, edge.source, edge.target): row
            for row, (kind, edge) in enumerate((kind, edge) for kind, edges in space.cells.items() for edge in edges)
        }
        total = self.around
        for kind, cell in genotype.cells:
            for target, edges in cell.reached:
                for name, source in edges:
                    row, bare = at.get((kind, source, target)), name.removesuffix(AND_SKIP)
                    if row is None or bare not in self.edges[row]:
                        raise HarnessError(f"{genotype} is not a cell of {space.name}: it has {name} where none is.")
                    total += self.edges[row][bare]
        return total


def counted(space: Space, macro: Any, classes: int, image_size: int) -> dict[str, Prices]:
    """`flops`, which are multiply-accumulates as papers count them, and `params`, of final networks at the size of a
    supernet, on one image of this side."""

    @cache
    def of(name: str, c_in: int, channels: int, stride: int, size: int) -> tuple[int, int]:
        found = count_placed(space.operation(name, c_in, channels, stride), c_in, size)
        return found.macs, found.parameters

    rows: list[dict[str, list[int]]] = [{name: [0, 0] for name in edge.operations} for edge in space.edges]
    for place in places(space, macro, classes, image_size):
        for name, sums in rows[place.row].items():
            for kind, own in enumerate(of(name, place.c_in, place.channels, place.stride, place.size)):
                sums[kind] += own
    any_cell = space.decode([0] * sum(map(len, space.choices)))
    whole = count(space.derived(any_cell, macro, classes), image_size)
    prices = {}
    for kind, (name, total) in enumerate({"flops": whole.macs, "params": whole.parameters}.items()):
        edges = tuple({name: float(sums[kind]) for name, sums in row.items()} for row in rows)
        inside = Prices(0.0, edges).of(space, any_cell)
        prices[name] = Prices(total - inside, edges)
    return prices
