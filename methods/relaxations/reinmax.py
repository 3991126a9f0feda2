"""ReinMax' relaxation: one operation per edge, sampled, with a gradient of second order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Generator, Tensor

from harness.core.settings import setting
from methods.relaxations.gumbel import Gumbel, one_hot, perturbed
from methods.relaxations.relaxation import NOTHING, rows_of, within
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class ReinMax(Gumbel):
    """One-hot gates D ~ softmax(alpha), as GDAS', with the gradient of ReinMax (Liu et al., Bridging Discrete and
    Backpropagation, NeurIPS 2023).

    Per edge, the gradient of E f(D) is the sum over pairs of operations of p_j (f(i) - f(j)) dp_i / dalpha, with p =
    softmax(alpha). Heun's rule takes f(i) - f(j) as (f'(i) + f'(j)) / 2 at the difference of the two one-hot vectors,
    which is exact for a quadratic f; the straight-through gradient takes f'(j), exact for a linear one. With J(q) the
    derivative of softmax where it is q, that makes

        f'(D) (2 J((D + p) / 2) - J(p) / 2)

    whose mean over D is Heun's. The first p is softmax(alpha / temperature). At a temperature of 1 the mean is exact
    for linear and quadratic functions; at any other it is for neither, and the variance is smaller above 1.

    f'(D) is needed in the gates of all operations, so this goes with an edge that runs all of them. From the gate of
    the sampled operation alone, the mean gradient of a linear f would be half of what it is (tested).
    """

    temperature: float = setting(1.0, "choice: 1, at which the rule is exact for quadratics", minimum=1e-6)
    temperature_end: float = setting(1.0, "choice: constant; linear from the first epoch to the last", minimum=1e-6)

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        logits = rows_of(alpha, space.widths)
        drawn = one_hot(rows_of(perturbed(alpha.detach(), draw), space.widths))
        plain, tempered = logits.softmax(dim=1), (logits / self.temperature_at(clock)).softmax(dim=1)
        finite = logits.where(within(space.widths, alpha.device), 0.0)
        slope = 2 * _tangent(finite, (drawn + tempered) / 2) - _tangent(finite, plain) / 2
        return drawn + (slope - slope.detach())  # in this order the values are exactly 0 and 1


def _tangent(logits: Tensor, at: Tensor) -> Tensor:
    """A linear function of the logits (rows, widest) with the derivative of softmax where it is `at`."""
    at = at.detach()
    return at * (logits - (at * logits).sum(dim=1, keepdim=True))
