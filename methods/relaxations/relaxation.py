"""Relaxations: how the logits alpha become gates on the operations, and a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from methods.schedules.clock import Clock
from spaces.space import Space

NOTHING: Mapping[str, Tensor] = MappingProxyType({})
"""What a relaxation without a state of its own carries."""
ALPHA_SCALE = 1e-3
"""alpha starts as 1e-3 N(0, 1) (DARTS model_search.py)."""


class Relaxation:
    """What alpha is: which logits there are, which gates and which strengths they make. The base of the frozen
    dataclasses that say so."""

    begins: ClassVar[tuple[float, float]] = (0.0, ALPHA_SCALE)
    """The mean and the standard deviation of the normal distribution that alpha's entries are first drawn from."""
    is_strengths: ClassVar[bool] = False
    """Whether the gates are the strengths, whatever is drawn and carried: then those of several alphas (..., d) may be
    asked for at once."""
    per_operation: ClassVar[bool] = True
    """Whether alpha begins with a logit for every operation, so that one can be dropped with its operation."""

    samples_genotypes: ClassVar[bool] = False
    """Whether what it draws is a genotype of any space, with gates of 1 at its operations and 0 elsewhere."""

    def size(self, space: Space) -> int:
        """How many entries alpha has."""
        return space.dimension

    def initial(self, space: Space, draw: Generator) -> Tensor:
        """The alpha (d,) that a search begins with. `draw` is a CPU generator of this stage."""
        mean, deviation = self.begins
        return mean + deviation * torch.randn(self.size(space), generator=draw)

    def start(self, alpha: Tensor, space: Space, draw: Generator) -> dict[str, Tensor]:
        """What the relaxation carries through a search besides alpha (d,), such as a temperature, decided edges or the
        dictionary of a sparse code; it is part of the search's state. `draw` is a CPU generator of this stage. Where
        operations are dropped, tensors of alpha's shape lose the same entries, and others stay."""
        return {}

    def after_epoch(
        self, memory: Mapping[str, Tensor], alpha: Tensor, space: Space, clock: Clock
    ) -> Mapping[str, Tensor]:
        """What it carries on from an epoch; changes none of its arguments. The epoch's record shows the cell, and what
        is carried, as they are then; its validation was before."""
        return memory

    def moved(self, before: Tensor, after: Tensor, space: Space) -> Tensor:
        """alpha (d,) once a rule has moved it from `before` to `after`."""
        return after

    def shown(self, memory: Mapping[str, Tensor]) -> dict[str, Any]:
        """What the record of an epoch shows of what is carried, as JSON has it."""
        return {}

    def staying(self, before: Sequence[Sequence[str]], after: Sequence[Sequence[str]]) -> list[bool]:
        """Which entries of alpha stay when the operations of all edges, before and after, go from these to those; an
        edge without operations is gone."""
        return [name in left for names, left in zip(before, after, strict=True) for name in names]

    def strengths(self, alpha: Tensor, space: Space, memory: Mapping[str, Tensor] = NOTHING) -> Tensor:
        """How strong every operation is (rows, widest), by which cells are derived: softmax(alpha) edge by edge."""
        return rows_of(alpha, space.widths).softmax(dim=-1)

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        """The gates (rows, widest) for flat logits alpha, whose row i has space.widths[i] entries. Padding is 0.
        `draw` is a CPU generator of this forward; all cells of a kind share what is drawn. A gate that is exactly 0
        need not be computed: see the sparse edge."""
        raise NotImplementedError

    def chances(self, alpha: Tensor, space: Space, clock: Clock, draw: Generator) -> Tensor:
        """How likely each operation of every edge is (rows, widest) where single cells are looked at in place of mixed
        ones, with its gradient: the gates, where these are a distribution that has one."""
        return self.gates(alpha, space, clock, draw)


def rows_of(alpha: Tensor, widths: tuple[int, ...], padding: float = -torch.inf) -> Tensor:
    """alpha (..., d) as (..., rows, max(widths)), padded where an edge has fewer operations."""
    widest = max(widths)
    shape = (*alpha.shape[:-1], len(widths), widest)
    if min(widths) == widest:
        return alpha.view(shape)
    return alpha.new_full(shape, padding).masked_scatter(within(widths, alpha.device), alpha)


def within(widths: tuple[int, ...], device: torch.device) -> Tensor:
    """Which columns belong to which row: bool (rows, max(widths))."""
    return torch.arange(max(widths), device=device) < torch.tensor(widths, device=device)[:, None]
