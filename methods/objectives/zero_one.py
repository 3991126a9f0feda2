"""FairDARTS' zero-one loss: gates are pushed away from one half."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.core.settings import setting
from methods.objectives.objective import Objective, Point
from methods.relaxations.relaxation import within


@dataclass(frozen=True)
class ZeroOne(Objective):
    """-weight * mean over all gates of (gate - 1/2)^2, so that a threshold loses little (FairDARTS, Chu et al., ECCV
    2020; separate_loss.py:14-31, `l2`). Meant for gates that do not compete, as those of a sigmoid."""

    zero_one_weight: float = setting(10.0, "FairDARTS train_search.py:29", minimum=0)

    def term(self, at: Point) -> Tensor:
        distance = (at.gates - 0.5).where(within(at.space.widths, at.gates.device), 0.0)
        return -self.zero_one_weight * distance.square().sum() / sum(at.space.widths)
