"""Products of matrices for several searches at once, each to the bits that it has alone.

The order in which a product sums depends on how it is asked for, so every one is of a batch, has two rows or more, and
begins at an address that is a multiple of 64 bytes, as a tensor that is alone does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

LINE = 8
"""Numbers of float64 in 64 bytes."""


def product(left: Tensor, right: Tensor) -> Tensor:
    """left (searches, n, k) times right (searches, k, m); or of one search, (n, k) times (k, m)."""
    if left.dim() == 2:
        return product(left[None], right[None])[0]
    return times(left, lined(right))[..., : right.shape[2]]


def lined(matrix: Tensor) -> Tensor:
    """(..., k, m), with zeros up to whole lines in both directions."""
    k, m = matrix.shape[-2:]
    return pad(matrix, (0, -m % LINE, 0, -k % LINE))


def times(rows: Tensor, matrix: Tensor) -> Tensor:
    """rows (searches, n, k or less) times a matrix of whole lines (searches, k, m). The product of a single row is
    another routine, whose order depends on the number of threads and of searches: it gets a row of zeros beside it."""
    count = rows.shape[1]
    return torch.bmm(pad(rows, (0, matrix.shape[1] - rows.shape[2], 0, int(count == 1))), matrix)[:, :count]
