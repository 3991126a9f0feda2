"""Searches of an alpha on a table: the rule meets the exact objective, and nothing else.

    L(alpha) = sum over all cells c of p(c) error(c),  p(c) = product over edges e of softmax(alpha_e)[c_e]

The sum is exact: 15,625 cells in NAS-Bench-201. error is the table's validation error as a fraction (0.1 is 10 %),
about as large as the differences of a cross-entropy that the rules' hyper-parameters were made for. There are no
weights, so every lookahead gives the same L and the same gradient: darts-1st and darts-2nd coincide here, and
fine-tuning and the schedule of the weights do not exist.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from harness.core.rng import generator
from harness.core.settings import setting
from harness.core.types import Budget, Cost, SearchResult
from methods.relaxations.relaxation import ALPHA_SCALE, rows_of
from methods.resolving import Resolved
from methods.rules.rule import Rule
from methods.schedules.clock import Clock
from methods.search.records import finite, operation_counts
from methods.search.state import AlphaState
from methods.tabular.data import TableData
from spaces import Space


@dataclass(frozen=True)
class TableLoss:
    """The objective, and how long it is searched."""

    epochs: int = setting(50, "as on a supernet (ZARTS supplement 2.2); each ends with a record", minimum=1)
    updates: int = setting(100, "of alpha in an epoch (choice; ZARTS makes 40 on CIFAR-10, DARTS 391)", minimum=1)
    table_epochs: str = setting(
        "200",
        "the training whose validation error is minimised, one that the table has (choice: the longest, which judges)",
    )


@dataclass(frozen=True)
class TableParts(Resolved):
    """Everything a search on a table is made of."""

    rule: Rule
    table: TableLoss

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

    def losses(self, alphas: Tensor) -> Tensor:
        """L of each row of alphas (n, d): (n,)."""
        self.cost.forwards += len(alphas)
        return self._expected(alphas)

    def gradient(self, alpha: Tensor) -> Tensor:
        """dL / dalpha (d,), exact."""
        self.cost.forwards += 1
        self.cost.backwards += 1
        alpha = alpha.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self._expected(alpha[None])[0], alpha)
        return gradient

    def _expected(self, alphas: Tensor) -> Tensor:
        """(n,): the grid with one axis after the other contracted with that edge's probabilities."""
        widths = tuple(self.errors.shape)
        probabilities = rows_of(alphas, widths).softmax(dim=2)
        rest = probabilities[:, 0, : widths[0]] @ self.errors.flatten(1)
        for edge, width in enumerate(widths[1:], start=1):
            p = probabilities[:, edge, None, :width]
            rest = (p @ rest.view(len(p), width, -1))[:, 0]
        return rest[:, 0]


@dataclass(kw_only=True)
class TableState(AlphaState):
    """Where a search on a table is: all of it. A step is an update of alpha (d,), float64."""


class TableSearch:
    """A rule on the exact objective of one data set of a table. An advance is one update of alpha."""

    def __init__(
        self, parts: TableParts, space: Space, data: TableData, seed: int, budget: Budget | None = None
    ) -> None:
        self.parts, self.space, self.data, self.seed = parts, space, data, seed
        self.seconds, self.epochs = (budget or Budget()).seconds, parts.table.epochs
        self.errors = data.error_grid(int(parts.table.table_epochs))

    def start(self) -> TableState:
        draw = generator(self.seed, "alpha")
        alpha = ALPHA_SCALE * torch.randn(self.space.dimension, generator=draw, dtype=torch.float64)
        return TableState(alpha=alpha, memory=self.parts.rule.start(alpha), diagnostics={}, cost=Cost())

    def restore(self, saved: Mapping[str, Any]) -> TableState:
        """A state that was saved by to_dict."""
        return TableState.from_dict(saved)

    def advance(self, state: TableState) -> TableState:
        """One update of alpha, and at the end of an epoch the record. Raises HarnessError when alpha is not finite."""
        began, table = time.perf_counter(), self.parts.table
        draw = generator(self.seed, "rule", state.cost.alpha_steps)
        clock = Clock(state.epoch, table.epochs, 0)
        move = self.parts.rule.step(state.alpha, TableOracle(self.errors, state.cost), state.memory, clock, draw)
        state.alpha, state.memory = move.alpha, move.memory
        for name, value in move.diagnostics.items():
            state.diagnostics[name] = state.diagnostics.get(name, 0.0) + float(value)
        state.cost.alpha_steps += 1
        state.step += 1
        state.cost.seconds += time.perf_counter() - began
        out_of_time = self.seconds is not None and state.cost.seconds >= self.seconds
        if state.step == table.updates or out_of_time:
            self._close_epoch(state, out_of_time)
        return state

    def check(self, state: TableState) -> None:
        """Raises HarnessError if alpha stopped being finite."""
        if not bool(state.alpha.isfinite().all()):
            raise HarnessError(
                f"alpha is not finite after {state.cost.alpha_steps} updates; set the rule's step lower (--set ...)."
            )

    def genotype(self, state: TableState) -> Genotype:
        """The cell that the current alpha derives to."""
        return self.space.derive(self._probabilities(state).tolist())

    def result(self, state: TableState) -> SearchResult:
        return SearchResult(
            genotype=self.genotype(state),
            cost=state.cost,
            records=tuple(state.records),
            alpha=tuple(state.alpha.tolist()),
            settings=self.parts.settings(),
            stopped_by=state.stopped_by,
        )

    def _probabilities(self, state: TableState) -> Tensor:
        return rows_of(state.alpha, self.space.widths).softmax(dim=1)

    def _close_epoch(self, state: TableState, out_of_time: bool) -> None:
        self.check(state)
        state.measure_memory("cpu")
        state.records.append(self._record(state))
        state.close_epoch(self.parts.table.updates, self.epochs, out_of_time)

    def _record(self, state: TableState) -> dict[str, Any]:
        genotype = self.genotype(state)
        return {
            "epoch": state.epoch,
            "steps": state.step,
            "valid_loss": float(TableOracle(self.errors, Cost()).losses(state.alpha[None])),
            "table": self.data.accuracies(genotype)[self.data.name],
            "genotype": str(genotype),
            "operations": operation_counts(genotype),
            "alpha_entropy": float(torch.special.entr(self._probabilities(state)).sum(dim=1).mean()),
            "alpha_norm": float(state.alpha.norm()),
            "alpha_updates": state.step,
            "rule": {name: finite(total / state.step) for name, total in sorted(state.diagnostics.items())},
            "cost": state.cost.to_json(),
        }
