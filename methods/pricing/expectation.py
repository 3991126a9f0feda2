"""What an architecture is worth, or costs, on average, where the gates of every edge are a distribution, and the slopes
of that.

A grid over all architectures has an axis for each edge, the operation along it. It is read as a matrix M, with a row
for all that the first half of the edges choose and a column for all that the others do. With u and v, the chances of
those, the mean is u M v, and its slopes in u and v are M v and u M.

Several searches are contracted at once, each to the bits that it has alone.
"""

from __future__ import annotations

from itertools import zip_longest
from math import prod

import torch
from torch import Tensor

from methods.products import lined, times


def expected(grid: Tensor, gates: Tensor) -> Tensor:
    """The mean (searches, n) over all architectures of a grid with an axis for each edge, the operation along it, for
    gates (searches, n, rows, widest), differentiable in them. Their padding is not looked at."""
    matrix, first, others = _halved(grid)
    u, v = _chances(gates, first)[0], _chances(gates, others)[0]
    return (_times(u, matrix)[..., : v.shape[2]] * v).sum(dim=2)


def slopes(grid: Tensor, gates: Tensor) -> Tensor:
    """d expected / d gates, (searches, rows, widest), for gates like that."""
    matrix, first, others = _halved(grid)
    found, own = torch.zeros_like(gates), gates[:, None]
    u, v = _chances(own, first), _chances(own, others)
    for edges, chances, slope in ((first, u, _times(v[0], matrix.mT)), (others, v, _times(u[0], matrix))):
        rest = slope[:, 0, : chances[0].shape[2]]
        for (edge, width), later in zip_longest(edges, chances[1:]):
            rest = rest.unflatten(1, (width, -1))
            found[:, edge, :width] = rest[..., 0] if later is None else (rest * later).sum(dim=2)
            rest = (rest * gates[:, edge, :width, None]).sum(dim=1)
    return found


def as_loss(gates: Tensor, slope: Tensor) -> Tensor:
    """The mean of one search as a function of its gates (rows, widest), whose slopes (rows, widest) at them are known:
    it is linear in every row, of which each gives all of it."""
    by_row = (gates * slope).sum(dim=1)
    return by_row.sum() - by_row[1:].sum().detach()


def _halved(grid: Tensor) -> tuple[Tensor, list[tuple[int, int]], list[tuple[int, int]]]:
    """The grid as a matrix, as square as can be, padded with zeros to whole lines; the edges of its rows, and of its
    columns, each with its width."""
    edges = list(enumerate(grid.shape))
    split = min(range(len(edges)), key=lambda edge: prod(grid.shape[:edge]) + prod(grid.shape[edge:]))
    matrix = grid.reshape(prod(grid.shape[:split]), -1)
    return lined(matrix), edges[:split], edges[split:]


def _chances(gates: Tensor, edges: list[tuple[int, int]]) -> list[Tensor]:
    """(searches, n, choices) of what these edges choose from each one on; those of all come first."""
    chances: list[Tensor] = []
    for edge, width in reversed(edges):
        own = gates[..., edge, :width]
        chances.insert(0, (own[..., None] * chances[0][..., None, :]).flatten(2) if chances else own)
    return chances or [gates.new_ones(*gates.shape[:2], 1)]


def _times(rows: Tensor, matrix: Tensor) -> Tensor:
    """rows (searches, n, a or less) times the matrix (a, b) of all."""
    return times(rows, matrix.expand(len(rows), -1, -1))
