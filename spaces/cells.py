"""Mixed edges: what a cell is made of in search."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """A mixed edge: `operations` in the order of alpha's columns, applied to state `source`, summed in `target`."""

    source: int
    target: int
    operations: tuple[str, ...]
