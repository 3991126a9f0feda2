"""Searches on a table that differ in their seed alone, moved together: what an update costs most is not its arithmetic,
but the calls that it is made of.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.rng import generator
from harness.core.types import Cost
from methods.objectives.objective import CrossEntropy
from methods.pricing.expectation import expected, slopes
from methods.relaxations.relaxation import Relaxation
from methods.search.metering import UsedUp, take
from methods.tabular.search import TableSearch, TableState
from spaces import Space


@dataclass(frozen=True)
class JointOracle:
    """L and its gradient for several searches at once, with the bits of `TableOracle`. Counts what each spends."""

    errors: Tensor
    cost: Cost
    relaxation: Relaxation
    space: Space

    def losses(self, alphas: Tensor) -> Tensor:
        """(searches, n) for candidates (searches, n, d)."""
        self.cost.forwards += alphas.shape[1]
        return expected(self.errors, self.relaxation.strengths(alphas, self.space))

    def gradient(self, alpha: Tensor) -> Tensor:
        """(searches, d)"""
        self.cost.forwards += 1
        self.cost.backwards += 1
        alpha = alpha.detach().requires_grad_()
        gates = self.relaxation.strengths(alpha, self.space)
        (gradient,) = torch.autograd.grad(gates, alpha, slopes(self.errors, gates.detach()))
        return gradient


def fits(search: object) -> TypeGuard[TableSearch]:
    """Whether a search can go with others: its rule moves several alphas, nothing is drawn for its gates, its loss is
    the error alone, cells are not charged, and time is no limit."""
    if not isinstance(search, TableSearch):
        return False
    parts = search.parts
    return (
        getattr(parts.rule, "together", False)
        and parts.relaxation.is_strengths
        and type(parts.objective) is CrossEntropy
        and search.priced.is_free
        and parts.table.oracle == "exact"
        and search.budget.seconds is None
    )


def advance(searches: Mapping[Any, TableSearch], states: dict[Any, TableState]) -> bool:
    """Those searches, by any name, that are behind the others go on to the end of their epoch, each to the bits that it
    would have alone; False where all are over. The time that it takes is shared out among them. A state that cannot go
    on is taken out, to fail when it is alone."""
    going = {name: (state.epoch, state.step) for name, state in states.items() if not state.stopped_by}
    if not going:
        return False
    names = [name for name, at in going.items() if at == min(going.values())]
    own, search = [states[name] for name in names], searches[names[0]]
    began, joint = time.perf_counter(), _stacked(own)
    try:
        used_up = _epoch(search, [searches[name].seed for name in names], joint)
    except HarnessError:  # before the first update, and for all alike
        for name in names:
            del states[name]
        return True
    seconds = (time.perf_counter() - began) / len(names)
    for place, (name, state) in enumerate(zip(names, own, strict=True)):
        _unstack(joint, place, state, seconds)
        try:
            searches[name].end_epoch(state, used_up)
        except HarnessError:
            del states[name]
    return True


def _epoch(search: TableSearch, seeds: list[int], state: TableState) -> str:
    """Updates of all alphas, in place on a stacked state, up to the end of the epoch, or of the named budget."""
    table = search.parts.table
    while state.step < table.updates:
        oracle = JointOracle(search.errors, state.cost, search.parts.relaxation, search.space)
        draws = [generator(seed, "rule", state.cost.alpha_steps) for seed in seeds]
        try:
            found = take(search.parts.rule, oracle, state, search.clock(state), draws, search.budget.evaluations)
        except UsedUp as budget:
            return budget.stopped_by
        for name, value in found.items():
            state.diagnostics[name] = state.diagnostics.get(name, 0.0) + value.double()
        state.step += 1
    return ""


def _stacked(states: list[TableState]) -> TableState:
    """One that stands for all: what is counted is alike, as they are at one step of searches of one kind."""
    first = states[0]
    return TableState(
        epoch=first.epoch,
        step=first.step,
        cost=replace(first.cost),
        alpha=torch.stack([state.alpha for state in states]),
        memory={name: torch.stack([state.memory[name] for state in states]) for name in first.memory},
        diagnostics={
            name: torch.tensor([state.diagnostics[name] for state in states], dtype=torch.float64)
            for name in first.diagnostics
        },
    )


def _unstack(joint: TableState, place: int, state: TableState, seconds: float) -> None:
    """What the search at this place of a stacked state has of it, in place on its own."""
    spent = state.cost.seconds + seconds
    state.cost = replace(joint.cost, seconds=spent, peak_memory=state.cost.peak_memory)
    state.step = joint.step
    state.alpha = joint.alpha[place].clone()
    state.memory = {name: value[place].clone() for name, value in joint.memory.items()}
    state.diagnostics = {name: float(total[place]) for name, total in joint.diagnostics.items()}
