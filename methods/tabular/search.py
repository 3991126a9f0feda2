"""Searches of an alpha on a table: the rule meets the exact objective, or what looks at single cells tell of it.

    L(alpha) = sum over all cells c of p(c) error(c),  p(c) = product over edges e of g_e[c_e]

The gates g are those that the relaxation makes of alpha: softmax(alpha_e), or a sample, drawn anew for every update and
shared by all that is asked in it. The sum is exact: 15,625 cells in NAS-Bench-201. error is the table's validation
error as a fraction (0.1 is 10 %), about as large as the differences of a cross-entropy that the rules' hyper-parameters
were made for. Where the search has a price, alpha's loss is its expression at this L and at the costs that are expected
under the same gates; the objective's term comes on top. There are no weights, so every lookahead gives the same L and
the same gradient: darts-1st and darts-2nd coincide here, and fine-tuning and the schedule of the weights do not exist.

So it is with the oracle `exact`, and with `proxy`, whose error is another. With `sampled` and `noisy` a rule sees but a
few cells, drawn from the gates, and pays for them as a black-box method does for its trials: see `looks`. A sample of
operations drawn from softmax(alpha), as GDAS' and ReinMax' gates are, is then what softmax gives: they coincide.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from harness.core.rng import generator
from harness.core.settings import setting
from harness.core.types import Budget, Cost, SearchResult
from methods.lookaheads.lookahead import OfAlpha, cross_entropy_alone
from methods.objectives.objective import Objective, Point
from methods.pricing.expectation import as_loss, expected, slopes
from methods.pricing.price import Price, network_on
from methods.relaxations.relaxation import Relaxation, rows_of
from methods.resolving import Resolved
from methods.rules.rule import Rule
from methods.schedules.clock import Clock
from methods.search.metering import UsedUp, take
from methods.search.records import finite, operation_counts
from methods.search.state import AlphaState
from methods.tabular.data import TableData
from methods.tabular.looks import Asked, Purse, looks
from methods.tabular.sampled import SampledOracle
from spaces import Space


@dataclass(frozen=True)
class TableLoss(Asked):
    """The objective, and how long it is searched."""

    epochs: int = setting(50, "as on a supernet (ZARTS supplement 2.2); each ends with a record", minimum=1)
    updates: int = setting(100, "of alpha in an epoch (choice; ZARTS makes 40 on CIFAR-10, DARTS 391)", minimum=1)
    table_epochs: str = setting(
        "200",
        "the training whose validation error is minimised, one that the table has (choice: the longest, which judges; "
        "where cells are charged the shortest, which black-box methods see)",
    )
    draws: int = setting(
        2,
        "cells that are drawn for a loss, or a gradient, where they are charged (choice)",
        minimum=1,
        omit_default=True,
    )
    common_draws: bool = setting(
        True,
        "where cells are charged: whether all that is asked in an update has the same random numbers (choice)",
        omit_default=True,
    )
    simulated_seconds: float = setting(
        0.0,
        "by the table's times; 0: no limit. 12,000 where cells are charged (NAS-Bench-201, section 4); an update "
        "beyond it is not made",
        minimum=0,
        omit_default=True,
    )


@dataclass(frozen=True)
class TableParts(Resolved):
    """Everything a search on a table is made of."""

    later: ClassVar[Collection[str]] = ("relaxation", "objective", "price")
    rule: Rule
    table: TableLoss
    relaxation: Relaxation
    objective: Objective
    price: Price

    @property
    def table_epochs(self) -> str:
        """Of the training whose accuracies are looked up."""
        return self.table.table_epochs


@dataclass(frozen=True)
class TableOracle:
    """L(alpha) and its gradient, float64."""

    errors: Tensor
    """An axis for each edge, the operation along it."""
    cost: Cost
    gates: Callable[[Tensor], Tensor] | None = None
    """alpha (d,) -> the gates (rows, widest), the same for the same alpha; softmax(alpha) if not given."""
    objective: OfAlpha = cross_entropy_alone
    """What the method makes of the expected error."""

    def losses(self, alphas: Tensor) -> Tensor:
        """L of each row of alphas (n, d): (n,)."""
        self.cost.forwards += len(alphas)
        gates = torch.stack([self._gates(alpha) for alpha in alphas])
        scored = zip(expected(self.errors, gates[None])[0], alphas, gates, strict=True)
        return torch.stack([self.objective(*of_one) for of_one in scored])

    def gradient(self, alpha: Tensor) -> Tensor:
        """dL / dalpha (d,), by the gradient that the gates have."""
        self.cost.forwards += 1
        self.cost.backwards += 1
        alpha = alpha.detach().requires_grad_()
        gates = self._gates(alpha)
        loss = as_loss(gates, slopes(self.errors, gates.detach()[None])[0])
        (gradient,) = torch.autograd.grad(self.objective(loss, alpha, gates), alpha)
        return gradient

    def _gates(self, alpha: Tensor) -> Tensor:
        return self.gates(alpha) if self.gates else rows_of(alpha, tuple(self.errors.shape)).softmax(dim=1)


@dataclass(kw_only=True)
class TableState(AlphaState):
    """Where a search on a table is: all of it. A step is an update of alpha (d,), float64."""


class TableSearch:
    """A rule on the exact objective of one data set of a table. An advance is one update of alpha."""

    def __init__(
        self, parts: TableParts, space: Space, data: TableData, seed: int, budget: Budget | None = None
    ) -> None:
        self.parts, self.space, self.data, self.seed = parts, space, data, seed
        self.budget, self.epochs = budget or Budget(), parts.table.epochs
        epochs = int(parts.table.table_epochs)
        self.looks = looks(parts.table, epochs, data, space, seed)
        self.errors = self.looks.errors()
        self.seconds = torch.from_numpy(data.seconds(epochs).values.ravel()) if parts.table.charged else None
        self.priced = parts.price.priced(network_on(data, space))

    def start(self) -> TableState:
        draw, (mean, deviation) = generator(self.seed, "alpha"), self.parts.relaxation.begins
        alpha = mean + deviation * torch.randn(self.space.dimension, generator=draw, dtype=torch.float64)
        return TableState(alpha=alpha, memory=self.parts.rule.start(alpha), diagnostics={}, cost=Cost())

    def restore(self, saved: Mapping[str, Any]) -> TableState:
        """A state that was saved by to_dict."""
        return TableState.from_dict(saved)

    def advance(self, state: TableState) -> TableState:
        """One update of alpha, and at the end of an epoch the record. Raises HarnessError when alpha is not finite."""
        began = time.perf_counter()
        used_up = self._update(state)
        state.cost.seconds += time.perf_counter() - began
        used_up = used_up or state.out_of_time(self.budget)
        self.end_epoch(state, used_up)
        return state

    def end_epoch(self, state: TableState, used_up: str) -> None:
        """The record, and what follows, where an epoch's updates are made or the named budget is used up. Raises
        HarnessError when alpha is not finite."""
        if state.step == self.parts.table.updates or (used_up and state.step):
            self._close_epoch(state, used_up)
        elif used_up:  # right after the record of an epoch
            state.stopped_by = used_up

    def check(self, state: TableState) -> None:
        """Raises HarnessError if alpha stopped being finite."""
        if not bool(state.alpha.isfinite().all()):
            raise HarnessError(
                f"alpha is not finite after {state.cost.alpha_steps} updates; set the rule's step lower (--set ...)."
            )

    def genotype(self, state: TableState) -> Genotype:
        """The cell that the current alpha derives to."""
        return self.space.derive(self._strengths(state).tolist())

    def result(self, state: TableState) -> SearchResult:
        return SearchResult(
            genotype=self.genotype(state),
            cost=state.cost,
            records=tuple(state.records),
            alpha=tuple(state.alpha.tolist()),
            settings=self.parts.settings(),
            stopped_by=state.stopped_by,
        )

    def _update(self, state: TableState) -> str:
        """One update of alpha, or the name of the budget that does not pay for it."""
        charged, limit = self.parts.table.charged, self.budget.evaluations
        oracle = self._sampled(state) if charged else self._oracle(state, "alpha", state.cost.alpha_steps, state.cost)
        draw = generator(self.seed, "rule", state.cost.alpha_steps)
        try:
            # Where cells are charged, they are the evaluations.
            found = take(self.parts.rule, oracle, state, self.clock(state), draw, None if charged else limit)
        except UsedUp as budget:
            return budget.stopped_by
        for name, value in found.items():
            state.diagnostics[name] = state.diagnostics.get(name, 0.0) + float(value)
        state.step += 1
        return ""

    def clock(self, state: TableState) -> Clock:
        return Clock(min(state.epoch, self.epochs - 1), self.epochs, 0)

    def _oracle(self, state: TableState, name: str, step: int, cost: Cost) -> TableOracle:
        """Of which all gates are drawn alike, for this step of a stream."""
        relaxation, clock = self.parts.relaxation, self.clock(state)

        def gates(alpha: Tensor) -> Tensor:
            return relaxation.gates(alpha, self.space, clock, generator(self.seed, f"gates/{name}", step))

        return TableOracle(self.errors, cost, gates, self._objective(clock))

    def _sampled(self, state: TableState) -> SampledOracle:
        """Of the next update."""
        relaxation, clock, step, table = (
            self.parts.relaxation,
            self.clock(state),
            state.cost.alpha_steps,
            self.parts.table,
        )

        def chances(alpha: Tensor) -> Tensor:
            return relaxation.chances(alpha, self.space, clock, generator(self.seed, "gates/alpha", step))

        assert self.seconds is not None
        return SampledOracle(
            looks=self.looks,
            seconds=self.seconds,
            purse=Purse(state.cost, table.simulated_seconds, self.budget.evaluations),
            chances=chances,
            draws=table.draws,
            common=table.common_draws,
            draw=generator(self.seed, "cells", step),
            objective=self._objective(clock),
        )

    def _objective(self, clock: Clock) -> OfAlpha:
        def objective(loss: Tensor, alpha: Tensor, gates: Tensor) -> Tensor:
            at = Point(alpha, gates, self.space, self.parts.relaxation, clock)
            return self.parts.objective.added_to(self.priced.of_alpha(loss, at), at)

        return objective

    def _strengths(self, state: TableState) -> Tensor:
        return self.parts.relaxation.strengths(state.alpha, self.space)

    def _close_epoch(self, state: TableState, used_up: str) -> None:
        self.check(state)
        state.measure_memory("cpu")
        state.records.append(self._record(state))
        state.close_epoch(self.parts.table.updates, self.epochs, used_up)

    def _record(self, state: TableState) -> dict[str, Any]:
        genotype, oracle = self.genotype(state), self._oracle(state, "validation", state.epoch, Cost())
        valid_loss = float(replace(oracle, objective=cross_entropy_alone).losses(state.alpha[None]))
        return {
            "epoch": state.epoch,
            "steps": state.step,
            "valid_loss": valid_loss,
            "table": self.data.accuracies(genotype)[self.data.name],
            "genotype": str(genotype),
            "operations": operation_counts(genotype),
            "alpha_entropy": float(torch.special.entr(self._strengths(state)).sum(dim=1).mean()),
            "alpha_norm": float(state.alpha.norm()),
            "alpha_updates": state.step,
            **self._priced_at(state, oracle, valid_loss),
            "rule": {name: finite(total / state.step) for name, total in sorted(state.diagnostics.items())},
            "cost": state.cost.to_json(),
        }

    def _priced_at(self, state: TableState, oracle: TableOracle, valid_loss: float) -> dict[str, Any]:
        """The objective and the expected costs, at the gates of the oracle."""
        if self.priced.is_free:
            return {}
        assert oracle.gates is not None
        gates = oracle.gates(state.alpha)
        at = Point(state.alpha, gates, self.space, self.parts.relaxation, self.clock(state))
        return self.priced.shown(valid_loss, at)
