"""The sparse code of ISTA-NAS in one stage: nodes freeze, and what is too large is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.derivations.best_pairs import BestPairs
from methods.derivations.derivation import Ranking
from methods.relaxations.relaxation import NOTHING
from methods.relaxations.sparse_code import Memory, SparseCode, nodes_of
from methods.schedules.clock import Clock
from spaces.counting import parameters
from spaces.space import Space

CLASSES = 10
"""Of the network whose parameters are limited: CIFAR-10's."""


@dataclass(frozen=True)
class SparseCodeFrozen(SparseCode):
    """The same; a node freezes after the first epoch whose recovery moves its code by no more than a tolerance: from
    then on its gates are what they are, whatever becomes of its entries of alpha (ISTA-NAS ista_nas_single/trainer.py).

    The codes of an epoch are refused, all of them, if the cell that they make is too large a network; then the codes
    of before, and the supports, stay, and later ones are compared with those. Nodes that would have frozen do so, with
    the codes that stayed. The code that the search begins with is not refused, nor are nodes frozen by it.

    It carries besides `frozen` (nodes,), bool, and `held` (P,), the alpha that the gates are made of: its entries of
    frozen nodes are those of the epoch's end at which the node froze.
    """

    freeze_below: float = setting(
        1e-3, "ista_nas_single/trainer.py, show_selected: largest |x_new - x_old|_2 of a node that freezes", minimum=0
    )
    most_parameters: int = setting(
        3_700_000,
        "ista_nas_single/trainer.py: the space's final network, at its quoted size, has fewer, for 10 classes; 0: any",
        minimum=0,
    )

    def start(self, alpha: Tensor, space: Space, draw: Generator) -> dict[str, Tensor]:
        frozen = torch.zeros(len(nodes_of(space)), dtype=torch.bool, device=alpha.device)
        return {**super().start(alpha, space, draw), "frozen": frozen, "held": alpha.detach().clone()}

    def after_epoch(self, memory: Memory, alpha: Tensor, space: Space, clock: Clock) -> Memory:
        held = self._held(memory, alpha)
        settled = {number for number, frozen in enumerate(memory["frozen"].tolist()) if frozen}
        proposed = self._recovered(memory, held, space, settled)
        moved = proposed["code"] - memory["code"]
        distances = torch.stack([moved[columns].double().norm() for columns in nodes_of(space)])
        kept = memory if self._too_large(proposed, held, space) else proposed
        return {**kept, "frozen": distances <= self.freeze_below, "held": held}

    def gates(self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Memory = NOTHING) -> Tensor:
        return super().gates(self._held(memory, alpha), space, clock, draw, memory)

    def shown(self, memory: Memory) -> dict[str, Any]:
        """Which nodes are frozen, in the order of their edges."""
        return {"frozen": memory["frozen"].tolist()}

    def _held(self, memory: Memory, alpha: Tensor) -> Tensor:
        """alpha (P,) with the entries of frozen nodes as they were when these froze."""
        return torch.where(memory["frozen"].repeat_interleave(self.measurements), memory["held"], alpha)

    def _too_large(self, memory: Memory, alpha: Tensor, space: Space) -> bool:
        if not self.most_parameters:
            return False
        rows = [
            row[:width] for row, width in zip(self.strengths(alpha, space, memory).tolist(), space.widths, strict=True)
        ]
        genotype, final = BestPairs().derive(Ranking(space, rows)), space.final
        with torch.device("meta"):
            network = space.network(genotype, final.channels, final.cells, CLASSES)
        return parameters(network) >= self.most_parameters
