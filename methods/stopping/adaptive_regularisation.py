"""DARTS-ADA: when the loss bends more and more in alpha, the search goes back and regularises more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness.core.settings import setting
from methods.stopping.rising_curvature import RisingCurvature
from methods.stopping.stopping import Ending, Records


@dataclass(frozen=True)
class AdaptiveRegularisation(RisingCurvature):
    """DARTS-ADA (Zela et al., ICLR 2020; RobustDARTS train_search.py:175-307): where DARTS-ES would end, weights, alpha
    and both optimisers are set back to the epoch from before the rise, and the weights' decay is raised tenfold, until
    it would exceed a limit. The search then has all its epochs.

    The averages after a return are of what stands: of the epochs up to the one gone back to, and of those after it. The
    released code mixes in those of the abandoned epochs. The records are of what stands, too; the bill is of all.
    """

    ada_factor: float = setting(10.0, "RobustDARTS train_search.py:175-307, DARTS-ADA_search.sh", minimum=1)
    ada_limit: float = setting(0.03, "same place: 3e-4, 3e-3, 3e-2", minimum=0)

    def ending(self, records: Records, epochs: int) -> Ending | None:
        return None

    def within_reach(self, epoch: int) -> Collection[int]:
        return [e for e in range(epoch - self.distance, epoch + 1) if e >= self.es_start and e % self.es_every == 0]

    def going_back(self, records: Records, returns: int, weight_decay: float) -> int | None:
        now, raised = (self.weight_decay(weight_decay, number) for number in (returns, returns + 1))
        may = now < raised <= self.ada_limit * (1 + 1e-9)
        return self.before_the_rise(records) if may else None

    def weight_decay(self, at_first: float, returns: int) -> float:
        return at_first * self.ada_factor**returns
