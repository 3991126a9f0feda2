"""PC-DARTS' relaxation: a weight on every edge besides."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from methods.relaxations.relaxation import NOTHING
from methods.relaxations.softmax import Softmax
from spaces.space import Space


@dataclass(frozen=True)
class EdgeNormalised(Softmax):
    """The same, times the edge's own weight: one softmax more over the edges that enter a node (PC-DARTS, Xu et al.,
    ICLR 2020; model_search.py:78-89,134-227). alpha has a logit for every edge besides, after those of the operations,
    and moves them alike; cells are derived from the products."""

    def size(self, space: Space) -> int:
        return space.dimension + len(space.edges)

    def staying(self, before: Sequence[Sequence[str]], after: Sequence[Sequence[str]]) -> list[bool]:
        of_edges = [bool(left) for names, left in zip(before, after, strict=True) if names]
        return super().staying(before, after) + of_edges

    def strengths(self, alpha: Tensor, space: Space, memory: Mapping[str, Tensor] = NOTHING) -> Tensor:
        of_operations, of_edges = alpha.split([space.dimension, len(space.edges)])
        nodes = tuple((kind, edge.target) for kind, edges in space.cells.items() for edge in edges)
        others = _elsewhere(nodes, alpha.device)
        weights = of_edges.expand(len(nodes), -1).masked_fill(others, -torch.inf).softmax(dim=1).diagonal()
        return super().strengths(of_operations, space, memory) * weights[:, None]


@lru_cache
def _elsewhere(nodes: tuple[Hashable, ...], device: torch.device) -> Tensor:
    """Which edges enter another node than which: bool (rows, rows), for the node that each edge enters."""
    return torch.tensor([[node != other for other in nodes] for node in nodes], device=device)
