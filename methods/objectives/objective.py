"""What an objective is: the terms that a method adds to the cross-entropy in alpha's loss.

A term is a function of alpha and of the gates that the loss is taken at, so it has no gradient in the weights, and
weight steps do not see it. Rules that descend a gradient get the term's by autograd; rules that compare losses get its
value with every candidate's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from methods.relaxations.relaxation import Relaxation
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class Point:
    """Where a loss of alpha is taken."""

    alpha: Tensor
    """(d,)"""
    gates: Tensor
    """What the relaxation made of it (rows, widest); row i has space.widths[i] entries."""
    space: Space
    """With the operations that the supernet has."""
    relaxation: Relaxation
    clock: Clock
    memory: Mapping[str, Tensor] = field(default_factory=dict)
    """What the relaxation carries."""


class Objective:
    """The base of the frozen dataclasses that say what is added."""

    def check(self, relaxation: Relaxation) -> None:
        """Raises HarnessError for a relaxation that has not what the term is made of."""

    def term(self, at: Point) -> Tensor | None:
        """What is added to alpha's loss, a scalar, differentiable in alpha and in the gates. None adds nothing."""
        return None

    def added_to(self, loss: Tensor, at: Point) -> Tensor:
        """alpha's loss with the term."""
        term = self.term(at)
        return loss if term is None else loss + term


@dataclass(frozen=True)
class CrossEntropy(Objective):
    """alpha's loss is the cross-entropy alone."""
