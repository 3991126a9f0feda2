"""Relaxations: how the logits alpha become gates on the operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Relaxation(Protocol):
    def gates(self, alpha: Tensor, widths: tuple[int, ...]) -> Tensor:
        """The gates (rows, max(widths)) for flat logits alpha (d,) whose row i has widths[i] entries. Padding is 0."""
        ...


@dataclass(frozen=True)
class Softmax:
    """One softmax over each edge's operations (DARTS, Eq. 2)."""

    def gates(self, alpha: Tensor, widths: tuple[int, ...]) -> Tensor:
        return rows_of(alpha, widths).softmax(dim=1)


def rows_of(alpha: Tensor, widths: tuple[int, ...]) -> Tensor:
    """alpha (d,) as (rows, max(widths)), padded with -inf where an edge has fewer operations."""
    widest = max(widths)
    if min(widths) == widest:
        return alpha.view(len(widths), widest)
    columns = torch.arange(widest, device=alpha.device)
    inside = columns < torch.tensor(widths, device=alpha.device)[:, None]
    return alpha.new_full((len(widths), widest), -torch.inf).masked_scatter(inside, alpha)
