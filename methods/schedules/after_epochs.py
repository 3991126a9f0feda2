"""ENAS' schedule: an epoch of the weights, then updates of alpha."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.settings import setting
from methods.schedules.clock import Clock
from methods.schedules.schedule import Schedule


@dataclass(frozen=True)
class AfterEpochs(Schedule):
    """alpha moves only once an epoch's weight steps are done, so many times in a row (ENAS, Pham et al., ICML 2018,
    section 2.2)."""

    updates_per_epoch: int = setting(30, "ENAS scripts/cifar10_micro_search.sh; 50 on NAS-Bench-201", minimum=1)

    def moves_alpha(self, clock: Clock, step: int) -> bool:
        return False

    def updates_after(self, clock: Clock) -> int:
        return self.updates_per_epoch
