"""What an architecture is worth, or costs, on average, where the gates of every edge are a distribution."""

from __future__ import annotations

from torch import Tensor


def expected(grid: Tensor, gates: Tensor) -> Tensor:
    """The mean (n,) over all architectures of a grid with an axis for each edge, the operation along it, for gates
    (n, rows, widest): one axis after the other is contracted with that edge's. Their padding is not looked at."""
    widths = tuple(grid.shape)
    rest = gates[:, 0, : widths[0]] @ grid.flatten(1)
    for edge, width in enumerate(widths[1:], start=1):
        own = gates[:, edge, None, :width]
        rest = (own @ rest.view(len(own), width, -1))[:, 0]
    return rest[:, 0]
