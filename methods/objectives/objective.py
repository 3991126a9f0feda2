"""What an objective is: the terms that a method adds to the cross-entropy in alpha's loss.

A term is a function of alpha and of the gates that the loss is taken at, so it has no gradient in the weights, and
weight steps do not see it. Rules that descend a gradient get the term's by autograd; rules that compare losses get its
value with every candidate's.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from methods.schedules.clock import Clock
from spaces.space import Space


class Objective:
    """The base of the frozen dataclasses that say what is added."""

    def term(self, alpha: Tensor, gates: Tensor, space: Space, clock: Clock) -> Tensor | None:
        """What is added to alpha's loss, a scalar, differentiable in alpha (d,) and in the gates (rows, widest) that
        the relaxation made of it; row i has space.widths[i] entries. None adds nothing."""
        return None


@dataclass(frozen=True)
class CrossEntropy(Objective):
    """alpha's loss is the cross-entropy alone."""
