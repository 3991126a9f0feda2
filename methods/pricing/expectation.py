"""What an architecture is worth, or costs, on average, where the gates of every edge are a distribution, and the slopes
of that: contractions of a grid over all architectures, one axis after the other.

Several searches are contracted at once, each to the bits that it has alone: every product is one of small matrices, a
batch of them, of which each begins at an address that is a multiple of 64 bytes, as a tensor that is alone does. The
order in which a product sums depends on that.
"""

from __future__ import annotations

import torch
from torch import Tensor

TOGETHER = 64
"""Candidates that are contracted at once; what they keep on the way is in the processor's cache."""
LINE = 8
"""Numbers of float64 in 64 bytes."""


def expected(grid: Tensor, gates: Tensor) -> Tensor:
    """The mean (searches, n) over all architectures of a grid with an axis for each edge, the operation along it, for
    gates (searches, n, rows, widest), differentiable in them. Their padding is not looked at."""
    blocks = gates.split(max(1, TOGETHER // gates.shape[1]))
    return torch.cat([_expected(grid, block) for block in blocks])


def _expected(grid: Tensor, gates: Tensor) -> Tensor:
    widths = tuple(grid.shape)
    whole = grid.flatten(1).expand(len(gates), -1, -1)
    rest, own = torch.bmm(gates[:, :, 0, : widths[0]], whole).flatten(0, 1), gates.flatten(0, 1)
    for edge, width in enumerate(widths[1:], start=1):
        rest = torch.bmm(own[:, edge, None, :width], rest.view(len(rest), width, -1))[:, 0]
    return rest[:, 0].view(gates.shape[:2])


def slopes(grid: Tensor, gates: Tensor) -> Tensor:
    """d expected / d gates, (searches, rows, widest), for gates like that."""
    return torch.cat([_slopes(grid, block) for block in gates.split(TOGETHER)])


def as_loss(gates: Tensor, slope: Tensor) -> Tensor:
    """The mean of one search as a function of its gates (rows, widest), whose slopes (rows, widest) at them are known:
    it is linear in every row, of which each gives all of it."""
    by_row = (gates * slope).sum(dim=1)
    return by_row.sum() - by_row[1:].sum().detach()


def _slopes(grid: Tensor, gates: Tensor) -> Tensor:
    """The grid is contracted as for the loss, and what is left of it before each edge multiplied with the gates of all
    later ones."""
    widths, rests = tuple(grid.shape), [grid.flatten(1).expand(len(gates), -1, -1)]
    for edge, width in enumerate(widths[:-1]):
        rest = torch.bmm(gates[:, edge, None, :width], rests[-1])[:, 0]
        rests.append(_aligned(rest).unflatten(1, (widths[edge + 1], -1)))
    found, later = torch.zeros_like(gates), gates.new_ones(len(gates), 1)
    for edge in range(len(widths) - 1, -1, -1):
        if edge < len(widths) - 1:
            later = (gates[:, edge + 1, : widths[edge + 1], None] * later[:, None]).flatten(1)
        found[:, edge, : widths[edge]] = torch.bmm(_aligned(later)[:, None], rests[edge].mT)[:, 0]
    return found


def _aligned(rows: Tensor) -> Tensor:
    """The same (searches, m), each row at the beginning of a line."""
    length = rows.shape[1]
    lines = rows.new_empty(len(rows), -(-length // LINE) * LINE)[:, :length]
    return lines.copy_(rows)
