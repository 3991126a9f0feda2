"""What the nodes of a cell choose among: the edges that enter them, alone or several together."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from methods.derivations.nodes import has_free_inputs
from spaces.space import Space

Nodes = tuple[tuple[int, ...], ...]
"""By node the rows of the edges that enter it."""


class Options(NamedTuple):
    """What the nodes choose among: sets of edges."""

    widths: tuple[int, ...]
    """How many a node has."""
    places: Tensor
    """For every edge of every option, where that option is among (nodes, widest), flat,"""
    rows: Tensor
    """and the edge's row."""

    def to_edges(self, values: Tensor, edges: int) -> Tensor:
        """What belongs to options (nodes, widest), summed by edge: (edges,)."""
        return values.new_zeros(edges).index_add(0, self.rows, values.flatten()[self.places])


def options_of(space: Space, together: int, device: torch.device) -> Options:
    """The sets of so many edges that enter a node, node by node, of all cells whose inputs are a choice; a node that
    has fewer edges has one, of all."""
    return _options(_nodes(space), together, device)


def _nodes(space: Space) -> Nodes:
    """The nodes of all cells whose inputs are a choice."""
    if not has_free_inputs(space):
        return ()
    entering: dict[tuple[str, int], list[int]] = {}
    for row, (kind, edge) in enumerate((kind, edge) for kind, edges in space.cells.items() for edge in edges):
        entering.setdefault((kind, edge.target), []).append(row)
    return tuple(map(tuple, entering.values()))


@lru_cache
def _options(nodes: Nodes, together: int, device: torch.device) -> Options:
    found = [list(combinations(rows, min(together, len(rows)))) for rows in nodes]
    widths = tuple(map(len, found))
    pairs = [
        (node * max(widths) + number, row)
        for node, options in enumerate(found)
        for number, option in enumerate(options)
        for row in option
    ]
    places, rows = torch.tensor(pairs, dtype=torch.int64, device=device).view(-1, 2).unbind(dim=1)
    return Options(widths, places, rows)
