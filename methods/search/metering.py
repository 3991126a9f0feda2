"""What a rule asks of its oracle, counted, and refused where the budget does not pay for it: the same on a supernet and
on a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from torch import Generator, Tensor

from harness.core.errors import HarnessError
from harness.core.types import Cost, Oracle
from methods.rules.rule import Draw, Rule
from methods.schedules.clock import Clock
from methods.search.state import AlphaState


class UsedUp(Exception):
    """What is left of a budget does not pay for the next update of alpha: of which, by the name that a search is
    stopped by, and in words."""

    def __init__(self, stopped_by: str, budget: str) -> None:
        super().__init__(budget)
        self.stopped_by = stopped_by


@dataclass(frozen=True)
class Metered:
    """An oracle that enters into the cost what it is asked. Raises UsedUp, asking nothing, where that would make more
    than so many evaluations."""

    oracle: Oracle
    cost: Cost
    evaluations: int | None

    def gradient(self, alpha: Tensor) -> Tensor:
        self._check(1)
        self.cost.gradient_evaluations += 1
        return self.oracle.gradient(alpha)

    def losses(self, alphas: Tensor) -> Tensor:
        self._check(alphas.shape[-2])
        self.cost.loss_evaluations += alphas.shape[-2]
        return self.oracle.losses(alphas)

    def _check(self, more: int) -> None:
        if self.evaluations is not None and self.cost.asked + more > self.evaluations:
            raise UsedUp("evaluations", f"a budget of {self.evaluations} evaluations")


def take(
    rule: Rule, oracle: Oracle, state: AlphaState, clock: Clock, draw: Draw, evaluations: int | None
) -> Mapping[str, Tensor]:
    """The rule's next update, in place on the state, and what it found worth recording. Raises UsedUp, and alpha stays,
    where it would make more than so many evaluations in all, or the oracle does; HarnessError where that is the first
    update."""
    cost, drawn = state.cost, cast(Generator, draw)  # of several only where the rule moves several
    try:
        move = rule.step(state.alpha, Metered(oracle, cost, evaluations), state.memory, clock, drawn)
    except UsedUp as budget:
        if not cost.alpha_steps:
            raise HarnessError(f"{budget} does not pay for one update of alpha; give more.") from None
        raise
    state.alpha, state.memory = move.alpha, move.memory
    cost.alpha_steps += 1
    return move.diagnostics
