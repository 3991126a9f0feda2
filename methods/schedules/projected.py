"""DARTS-PT's schedule: after the search, edge by edge what the supernet misses most (Wang et al., ICLR 2021)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from harness.core.settings import setting
from methods.derivations.derivation import Choices, Standing
from methods.derivations.harm import MEASURED_BY, MEASURES, harm
from methods.schedules.clock import Clock, Stage
from methods.schedules.deciding import Deciding, Node
from methods.schedules.schedule import KeptOperations


@dataclass(frozen=True)
class Projected(Deciding):
    """A search of the first so many epochs, then decisions evenly over the rest, between which the weights and alpha
    are tuned, with a small learning rate and a cosine of their own (ruocwang/darts-pt sota/cnn/projection.py).

    A decision is, in each kind of cell, a random undecided edge's operation: the one whose removal hurts the supernet
    most. When all edges are decided, it is a random node's inputs: while it has too many, the one goes whose removal
    hurts least. Every look is one validation on alpha's images, and the time of all counts as the search's.
    """

    search_share: int = setting(
        38, "percent of the epochs before the first decision; DARTS-PT: 50, then 81", minimum=1, maximum=99
    )
    projections: int = setting(
        17, "decisions: a cell of the DARTS space has 14 edges, and 3 nodes with more of them than inputs", minimum=1
    )
    tuning_rate: float = setting(0.1, "DARTS-PT projection.py: the share of the learning rate", minimum=0)
    projects_by: str = setting("accuracy", MEASURED_BY, choices=MEASURES)

    def stage(self, epoch: int, epochs: int) -> Stage:
        searched = -(-self.search_share * epochs // 100)
        if epoch < searched:
            return Stage(0, Clock(epoch, searched, self.warmup))
        within, tuned = epoch - searched, epochs - searched
        # The first decision comes at once, the last before the last epoch, however few epochs there are.
        left = -(-(tuned - 1 - within) * (self.projections - 1) // max(tuned - 1, 1))
        return Stage(self.projections - left, Clock(within, tuned, 0, self.tuning_rate))

    def decide(self, at: Standing, past: Sequence[Choices], nodes: Sequence[Node], kept: KeptOperations) -> None:
        undecided = [row for node in nodes for row in node.rows if len(kept[row]) > 1]
        crowded = [node for node in nodes if sum(map(bool, (kept[row] for row in node.rows))) > node.inputs]
        if undecided:
            row = max(undecided, key=_lot(at))
            kept[row] = [self._missed_most(at, row, kept)]
        elif crowded:
            node = max(crowded, key=lambda node: _lot(at)(node.rows[0]))
            while len(present := [row for row in node.rows if kept[row]]) > node.inputs:
                kept[self._missed_least(at, present, kept)] = []

    def _missed_most(self, at: Standing, row: int, kept: KeptOperations) -> str:
        names = [name for name in kept[row] if at.whole.derivable(name)]
        return max(names, key=lambda name: self._harm(at, row, name, kept))

    def _missed_least(self, at: Standing, rows: Sequence[int], kept: KeptOperations) -> int:
        return min(rows, key=lambda row: self._harm(at, row, kept[row][0], kept))

    def _harm(self, at: Standing, row: int, name: str, kept: KeptOperations) -> float:
        """How bad the supernet is without an operation, with all that was decided since its gates were made."""
        gates = at.gates().clone()
        places = {edge: place for place, edge in enumerate(edge for edge, names in enumerate(at.kept) if names)}
        for edge, place in places.items():
            if kept[edge] != at.kept[edge]:
                gates[place] = 0.0
                if kept[edge]:
                    gates[place, at.kept[edge].index(kept[edge][0])] = 1.0
        return harm(at, gates, places[row], at.kept[row].index(name), self.projects_by)


def _lot(at: Standing) -> Callable[[int], float]:
    """A random number for every edge, by its row."""
    return torch.rand(len(at.whole.edges), generator=at.draw()).tolist().__getitem__
