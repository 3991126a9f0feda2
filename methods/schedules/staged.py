"""P-DARTS' schedule: three searches in a row, deeper and with fewer operations each (Chen et al., ICCV 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.core.errors import HarnessError
from harness.core.settings import declared, setting
from methods.derivations.derivation import Choices, Derivation, Standing
from methods.derivations.limited_skips import LimitedSkips
from methods.schedules.alternating import Alternating
from methods.schedules.clock import Clock, Stage
from methods.schedules.progressive import strongest
from methods.schedules.schedule import KeptOperations
from spaces.space import Space

STAGES = 3


@dataclass(frozen=True)
class Staged(Alternating):
    """Three stages of equal length. Each begins with a new supernet, deeper than the last, and a new alpha, on the
    strongest operations of the stage before; the learning rate and the warm-up begin anew too. The cell is derived from
    the operations of the last stage (P-DARTS train_search.py)."""

    inherits: ClassVar[bool] = False
    cells_added: int = setting(6, "P-DARTS: 5, 11 and 17 cells", minimum=0)
    keep_second: int = setting(5, "P-DARTS: 5 of 8 operations in the second stage", minimum=1)
    keep_third: int = setting(3, "P-DARTS: 3 in the third", minimum=1)
    skip_cap: int = setting(2, "P-DARTS: skips in the normal cell at most; 8 is no limit", minimum=0)

    def check(self, space: Space) -> None:
        if "cells" not in declared(space.macro()):
            raise HarnessError(f"P-DARTS adds cells from stage to stage, and a supernet of {space.name} has one.")

    def stage(self, epoch: int, epochs: int) -> Stage:
        number = STAGES * epoch // epochs
        first, end = (-(-n * epochs // STAGES) for n in (number, number + 1))
        return Stage(number, Clock(epoch - first, end - first, self.warmup))

    def deeper(self, number: int) -> int:
        return number * self.cells_added

    def keep(self, at: Standing, past: Sequence[Choices], number: int) -> KeptOperations:
        count = (self.keep_second, self.keep_third)[number - 1]
        return [strongest(at.space, row, names, count) for row, names in zip(at.choices, at.kept, strict=True)]

    def derivation(self, chosen: Derivation) -> Derivation:
        return LimitedSkips(self.skip_cap, chosen)
