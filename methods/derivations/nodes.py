"""A cell put together node by node, from what each of its edges offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.core.genotype import Cell, Edge, Genotype
from methods.derivations.derivation import Ranking
from spaces.every_edge import EveryEdgeSpace
from spaces.space import Space


class Offer(NamedTuple):
    """One operation on one edge, and how strong it is."""

    strength: float
    edge: Edge


Offers = Sequence[Sequence[Offer]]
"""What enters a node, edge by edge: the operations that can be derived, in the edge's order."""
INPUTS_OF_NODE = 2
"""How many edges enter a node of a cell of the DARTS family."""


def has_free_inputs(space: Space) -> bool:
    """Whether the nodes of the space's cells may have other edges than the space's own rule gives them. The cells of
    NAS-Bench-201 may not, and neither may chains of blocks: every edge has its operation."""
    return not isinstance(space, EveryEdgeSpace)


def assembled(
    at: Ranking, choose: Callable[[Offers], Sequence[Offer]], offers: Callable[[str], bool] | None = None
) -> Genotype:
    """The genotype whose nodes have the chosen of their offers. `offers` says which operations are offered: those that
    can be derived, unless it is given; any other that is chosen leaves its edge out. A cell whose output nothing chosen
    reaches has the strongest offer from its inputs into the first node of its output instead (choice): there is no
    network without it."""
    offers = offers or at.space.derivable
    cells, strengths, own = [], iter(at.strengths), at.space.derive(at.strengths)
    for kind, edges in at.space.cells.items():
        entering: dict[int, list[list[Offer]]] = {}
        for edge, row in zip(edges, strengths, strict=False):
            offered = [
                Offer(strength, (name, edge.source))
                for name, strength in zip(edge.operations, row, strict=True)
                if offers(name)
            ]
            entering.setdefault(edge.target, []).append(offered)
        plain = own[kind]
        states = range(plain.inputs, plain.inputs + len(plain.nodes))
        nodes = [_derivable(at.space, choose(entering[state])) for state in states]
        if not _reaches(nodes, plain):
            first = plain.concat[0]
            into_first = [offer for offered in entering[first] for offer in offered if offer.edge[1] < plain.inputs]
            nodes[first - plain.inputs] = strongest(_derivable(at.space, into_first), 1)
        cells.append((kind, Cell(plain.inputs, tuple(tuple(o.edge for o in node) for node in nodes), plain.concat)))
    return Genotype(tuple(cells))


def _reaches(nodes: Sequence[Sequence[Offer]], plain: Cell) -> bool:
    """Whether what was chosen makes a way from an input of the cell to a node of its output."""
    valued = set(range(plain.inputs))
    for state, node in enumerate(nodes, start=plain.inputs):
        if any(offer.edge[1] in valued for offer in node):
            valued.add(state)
    return not valued.isdisjoint(plain.concat)


def _derivable(space: Space, offers: Sequence[Offer]) -> list[Offer]:
    return [offer for offer in offers if space.derivable(offer.edge[0])]


def strongest(offers: Sequence[Offer], count: int) -> list[Offer]:
    """The `count` strongest, the first of equals."""
    return sorted(offers, key=lambda offer: -offer.strength)[:count]
