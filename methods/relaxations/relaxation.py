"""Relaxations: how the logits alpha become gates on the operations, and a cell."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.schedules.schedule import Clock
from spaces.space import Space


class Relaxation:
    """What alpha is: which logits there are, which gates and which strengths they make. The base of the frozen
    dataclasses that say so."""

    def size(self, space: Space) -> int:
        """How many entries alpha has."""
        return space.dimension

    def strengths(self, alpha: Tensor, space: Space) -> Tensor:
        """How strong every operation is (rows, widest), by which cells are derived: softmax(alpha) edge by edge."""
        return rows_of(alpha, space.widths).softmax(dim=1)

    def gates(self, alpha: Tensor, space: Space, clock: Clock, draw: Generator) -> Tensor:
        """The gates (rows, widest) for flat logits alpha, whose row i has space.widths[i] entries. Padding is 0.
        `draw` is a CPU generator of this forward; all cells of a kind share what is drawn."""
        raise NotImplementedError


@dataclass(frozen=True)
class Softmax(Relaxation):
    """One softmax over each edge's operations (DARTS, Eq. 2)."""

    def gates(self, alpha: Tensor, space: Space, clock: Clock, draw: Generator) -> Tensor:
        return self.strengths(alpha, space)


@dataclass(frozen=True)
class EdgeNormalised(Softmax):
    """The same, times the edge's own weight: one softmax more over the edges that enter a node (PC-DARTS, Xu et al.,
    ICLR 2020; model_search.py:78-89,134-227). alpha has a logit for every edge besides, after those of the operations,
    and moves them alike; cells are derived from the products."""

    def size(self, space: Space) -> int:
        return space.dimension + len(space.edges)

    def strengths(self, alpha: Tensor, space: Space) -> Tensor:
        of_operations, of_edges = alpha.split([space.dimension, len(space.edges)])
        nodes = tuple((kind, edge.target) for kind, edges in space.cells.items() for edge in edges)
        others = _elsewhere(nodes, alpha.device)
        weights = of_edges.expand(len(nodes), -1).masked_fill(others, -torch.inf).softmax(dim=1).diagonal()
        return super().strengths(of_operations, space) * weights[:, None]


@lru_cache
def _elsewhere(nodes: tuple[Hashable, ...], device: torch.device) -> Tensor:
    """Which edges enter another node than which: bool (rows, rows), for the node that each edge enters."""
    return torch.tensor([[node != other for other in nodes] for node in nodes], device=device)


@dataclass(frozen=True)
class Gumbel(Relaxation):
    """One operation per edge, sampled from softmax(alpha), with a straight-through gradient (GDAS; AutoDL-Projects
    search_model_gdas.py:114-129): the gates are one-hot at the largest of alpha + G, G Gumbel noise; their gradient is
    that of softmax((alpha + G) / temperature). Goes with an edge that runs only what was sampled.

    At given noise the gates are piecewise constant in alpha, and so is the loss of a candidate: rules that compare
    losses (random search, GLD) see a difference only where a candidate changes an edge's operation.

    The noise is drawn anew for every forward, validation's too. The forwards of one update of alpha have names, and
    those of one name share the noise: all candidates are fine-tuned on the same samples, and evaluated on one (choice;
    the ZARTS paper does not say).
    """

    temperature: float = setting(10.0, "GDAS; AutoDL-Projects GDAS.py:237-241", minimum=1e-6)
    temperature_end: float = setting(0.1, "same place; linear from the first epoch to the last", minimum=1e-6)

    def gates(self, alpha: Tensor, space: Space, clock: Clock, draw: Generator) -> Tensor:
        soft = self.soft(alpha, space, clock, draw)
        hard = torch.zeros_like(soft).scatter_(1, soft.argmax(dim=1, keepdim=True), 1.0)
        return hard + (soft - soft.detach())  # in this order the values are exactly 0 and 1

    def soft(self, alpha: Tensor, space: Space, clock: Clock, draw: Generator) -> Tensor:
        """softmax((alpha + G) / temperature) per edge, the relaxation whose gradient the gates have."""
        noise = -torch.empty(alpha.shape, dtype=torch.float64).exponential_(generator=draw).log()
        return rows_of((alpha + noise.to(alpha)) / self.temperature_at(clock), space.widths).softmax(dim=1)

    def temperature_at(self, clock: Clock) -> float:
        return self.temperature + (self.temperature_end - self.temperature) * clock.linear()


def rows_of(alpha: Tensor, widths: tuple[int, ...]) -> Tensor:
    """alpha (d,) as (rows, max(widths)), padded with -inf where an edge has fewer operations."""
    widest = max(widths)
    if min(widths) == widest:
        return alpha.view(len(widths), widest)
    return alpha.new_full((len(widths), widest), -torch.inf).masked_scatter(within(widths, alpha.device), alpha)


def within(widths: tuple[int, ...], device: torch.device) -> Tensor:
    """Which columns belong to which row: bool (rows, max(widths))."""
    return torch.arange(max(widths), device=device) < torch.tensor(widths, device=device)[:, None]
