"""What a schedule is: what happens when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from harness.core.types import Part
from methods.derivations.derivation import Choices, Derivation, Standing
from methods.schedules.clock import Clock, Stage
from methods.training.batches import Batch
from spaces.space import Space

KeptOperations = list[list[str]]
"""The operations of every edge that stay, in alpha's row order; an edge without is gone."""


class Schedule:
    """The base of the frozen dataclasses that say so. The supernet stays what it is, here; schedules that change it
    override what they do otherwise."""

    inherits: ClassVar[bool] = True
    """Whether a stage goes on with the weights and the alpha of the one before it, or begins anew."""
    decides: ClassVar[bool] = False
    """Whether what a stage keeps is what the cell has: an edge that keeps one operation is decided, and one that keeps
    none is not in the cell. Otherwise the cell may be given any of the operations that an edge's last was chosen from.
    """
    remembers: ClassVar[int] = 0
    """The strengths after how many epochs, the last one counted, decide what a stage keeps."""
    has_alpha: ClassVar[bool] = True
    """Whether alpha is moved at all."""

    warmup: int = 0
    """Epochs of a stage in which alpha stays where it is."""
    cadence: int = 1
    """Weight steps for each that moves alpha."""
    order: str = "alpha-first"
    """Which of the two moves first in a step that moves both, or "simultaneous"."""

    def check(self, space: Space) -> None:
        """Raises HarnessError for a space that this schedule does not apply to."""

    def stage(self, epoch: int, epochs: int) -> Stage:
        """The stage that an epoch of so many is in."""
        return Stage(0, Clock(epoch, epochs, self.warmup))

    def moves_alpha(self, clock: Clock, step: int) -> bool:
        """Whether alpha moves at this weight step of an epoch."""
        return clock.epoch >= clock.warmup and step % self.cadence == 0

    def updates_after(self, clock: Clock) -> int:
        """How many updates of alpha follow the weight steps of an epoch, each a step of the search by itself."""
        return 0

    def trains_alpha(self, clock: Clock) -> bool:
        """Whether alpha moves in an epoch."""
        return self.moves_alpha(clock, 0) or self.updates_after(clock) > 0

    def deeper(self, number: int) -> int:
        """How many cells more than the macro's the supernet of a stage has."""
        return 0

    def larger(self, number: int) -> int:
        """How many images more than the settings' the batches of a stage have."""
        return 0

    def keep(self, at: Standing, past: Sequence[Choices], number: int) -> KeptOperations:
        """What stays of at.kept when stage `number` begins; asked only of schedules with more than one stage. `past`
        has the choices after the last epochs, those of `at` last."""
        raise NotImplementedError

    def derivation(self, chosen: Derivation) -> Derivation:
        """How the architecture is derived, given the method's own derivation."""
        return chosen

    def images_of_weights(self, train: Part, valid: Part) -> Part:
        """What the weights are trained on, given their part of the images and alpha's."""
        return train

    def batch_of_alpha(self, train: Batch, valid: Callable[[], Batch]) -> Batch:
        """What alpha's loss is taken on, given the batch of the weight step and the next of alpha's own."""
        return valid()
