"""What a sampler is: which sub-networks a weight step trains.

A weight step is one or more passes of its batch through the supernet, each at gates of its own, and one step of SGD on
the sum of their gradients. A perturbation then moves the gates of each pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Generator, Tensor

from methods.relaxations.relaxation import Relaxation
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class Position:
    """Where alpha is in a weight step."""

    alpha: Tensor
    """(d,)"""
    relaxation: Relaxation
    carried: Mapping[str, Tensor]
    """What the relaxation carries."""
    space: Space
    """With the operations that the supernet has."""
    clock: Clock
    classes: int
    """Of the images."""


class Sampler:
    """The base of the frozen dataclasses that say so."""

    @property
    def passes(self) -> int:
        """How many sub-networks a weight step trains, at least 1."""
        return 1

    @property
    def spares_others(self) -> bool:
        """Whether a weight step leaves alone, momentum included, what none of its sub-networks has: parameters whose
        gradient is 0. Otherwise weight decay and momentum act on them too."""
        return False

    def check(self, space: Space, classes: int) -> None:
        """Raises HarnessError where it has nothing to sample from a space, for images of so many classes."""

    def candidates(self, space: Space) -> Space:
        """The space whose genotypes it trains, from which a search after training chooses."""
        return space

    def gates(self, number: int, at: Position, draw: Generator) -> Tensor:
        """The gates (rows, widest) of pass `number`, from 0, of a weight step; row i has space.widths[i] entries,
        padding is 0. `draw` is a CPU generator of this pass. Those of alpha's own relaxation, here."""
        return at.relaxation.gates(at.alpha, at.space, at.clock, draw, at.carried)


@dataclass(frozen=True)
class OfAlpha(Sampler):
    """One pass at the gates that alpha has."""
