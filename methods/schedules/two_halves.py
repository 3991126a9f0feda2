"""DrNAS' schedule: the second half of a search is made with fewer operations (Chen et al., ICLR 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.settings import setting
from methods.derivations.derivation import Choices, Standing
from methods.schedules.alternating import Alternating
from methods.schedules.clock import Clock, Stage
from methods.schedules.progressive import strongest
from methods.schedules.schedule import KeptOperations


@dataclass(frozen=True)
class TwoHalves(Alternating):
    """Every edge goes on with its strongest operations, their weights and momentum, at the learning rate that the
    search has come to. alpha waits as many epochs at the beginning of either half (xiangning-chen/DrNAS DARTS-space/
    train_search.py, 201-space/train_search_progressive.py)."""

    keep_strongest: int = setting(4, "DrNAS: of 7 operations; 3 of NAS-Bench-201's 5", minimum=1)

    def stage(self, epoch: int, epochs: int) -> Stage:
        return Stage(int(epoch >= _half(epochs)), Clock(epoch, epochs, self.warmup))

    def moves_alpha(self, clock: Clock, step: int) -> bool:
        within = clock.epoch - (_half(clock.epochs) if clock.epoch >= _half(clock.epochs) else 0)
        return within >= clock.warmup and step % self.cadence == 0

    def keep(self, at: Standing, past: Sequence[Choices], number: int) -> KeptOperations:
        return [
            strongest(at.whole, row, names, self.keep_strongest) for row, names in zip(at.choices, at.kept, strict=True)
        ]


def _half(epochs: int) -> int:
    """The first epoch of the second half, which is the shorter one of an odd number."""
    return -(-epochs // 2)
