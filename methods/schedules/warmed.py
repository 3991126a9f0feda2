"""ProxylessNAS' schedule: the weights are trained to an end of their own before alpha moves."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.settings import setting
from methods.schedules.alternating import Alternating
from methods.schedules.clock import Clock, Stage


@dataclass(frozen=True)
class Warmed(Alternating):
    """The warm-up has a learning rate and a cosine of its own; the search proper begins after it, with another, and
    alpha moves from its second epoch on (ProxylessNAS, search/nas_manager.py: warm_up, train)."""

    warmup_rate: float = setting(2.0, "ProxylessNAS: a learning rate of 0.05, then 0.025", minimum=0)

    def stage(self, epoch: int, epochs: int) -> Stage:
        if epoch < self.warmup:
            return Stage(0, Clock(epoch, self.warmup, self.warmup, self.warmup_rate))
        return Stage(0, Clock(epoch - self.warmup, epochs - self.warmup, 0))

    def moves_alpha(self, clock: Clock, step: int) -> bool:
        return clock.epoch > 0 and clock.warmup == 0 and step % self.cadence == 0
