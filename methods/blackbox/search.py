"""A black-box search: one trial after the other, until the trials, the seconds or the table's seconds are used up.

An epoch, the unit of the budget and of the records, is one trial; an advance is one epoch of its training, or its
look-up in a table.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from harness.core.rng import generator
from harness.core.types import Budget, Cost, Dataset, SearchResult
from methods.blackbox.evaluators import (
    Evaluator,
    ProxyEvaluator,
    ShortTraining,
    ShortTrainingEvaluator,
    TableEvaluator,
    TableLookup,
    Trial,
)
from methods.pricing.price import Price, network_on
from methods.resolving import Resolved
from methods.search.records import operation_counts
from methods.search.state import Saved, moved
from methods.strategies.strategy import History, Strategy, flat
from methods.tabular.data import TableData
from methods.training.data import Data
from spaces import Space


@dataclass(frozen=True)
class TableTrials(Resolved):
    """Everything a black-box search on a table is made of."""

    strategy: Strategy
    evaluator: TableLookup
    price: Price

    @property
    def table_epochs(self) -> str:
        """Of the training whose accuracies are looked up."""
        return self.evaluator.table_epochs


@dataclass(frozen=True)
class TrainedTrials(Resolved):
    """Everything a black-box search on images is made of."""

    strategy: Strategy
    evaluator: ShortTraining
    data: Data
    price: Price

    def check(self, space: Space) -> None:
        """Raises HarnessError for an objective that this space, or a proxy, has nothing for."""
        self.price.check(space)
        if self.evaluator.proxy != "off" and not self.price.expression.is_the_loss:
            raise HarnessError(
                f"proxy={self.evaluator.proxy} gives a score, and an objective is made of an error; leave one out."
            )


@dataclass(kw_only=True)
class BlackBoxState(Saved):
    """Where a black-box search is: all of it. n trials are done."""

    codes: Tensor
    """(n, choices) int64"""
    epochs: Tensor
    """(n,) float64, see `History`"""
    accuracies: Tensor
    """(n,) float64, percent"""
    scores: Tensor
    """(n,) float64: what the strategy sees in their place, where the search has a price; see `BlackBoxSearch`."""
    memory: dict[str, Tensor]
    """The strategy's."""
    trial: list[Any]
    """The code and the epochs of the trial under way; empty between trials."""
    progress: dict[str, Tensor]
    """Of its training."""

    @property
    def epoch(self) -> int:
        return len(self.codes)

    @property
    def history(self) -> History:
        return History(self.codes, self.epochs, self.scores)


class BlackBoxSearch:
    """A strategy with an evaluator on one data set. Raises HarnessError where they do not fit the data.

    Where the search has a price, a trial's objective is the expression at the error, a fraction, and at the costs of
    its architecture. The strategy, which looks for the largest of what it sees, sees 100 (1 - objective) in the place
    of an accuracy in percent: where the objective is the error, that is the accuracy."""

    def __init__(
        self,
        parts: TableTrials | TrainedTrials,
        space: Space,
        dataset: Dataset | TableData,
        seed: int,
        device: str = "cpu",
        budget: Budget | None = None,
    ) -> None:
        self.parts, self.space, self.dataset, self.seed, self.device = parts, space, dataset, seed, device
        self.budget, self.epochs = budget or Budget(), parts.evaluator.epochs
        self.evaluator: Evaluator
        if isinstance(parts, TableTrials):
            assert isinstance(dataset, TableData)
            self.evaluator, self.simulated = (
                TableEvaluator(parts.evaluator, dataset, space, seed),
                parts.evaluator.simulated_seconds,
            )
        else:
            assert not isinstance(dataset, TableData)
            trained = ShortTrainingEvaluator if parts.evaluator.proxy == "off" else ProxyEvaluator
            self.evaluator = trained(parts.evaluator, parts.data, space, dataset, seed, device)
            self.simulated = math.inf
        self.priced = parts.price.priced(network_on(dataset, space, self._sizes))

    @property
    def _sizes(self) -> dict[str, int]:
        """Of the networks of the trials; on a table they are what its are."""
        evaluator = self.parts.evaluator
        if isinstance(evaluator, TableLookup):
            return {}
        return {"channels": evaluator.channels, "cells": evaluator.cells}

    def start(self) -> BlackBoxState:
        none = torch.zeros(0, dtype=torch.float64)
        codes = torch.zeros(0, len(flat(self.space.choices)), dtype=torch.int64)
        memory = self.parts.strategy.start(self.space.choices, generator(self.seed, "strategy/start"))
        return BlackBoxState(
            codes=codes, epochs=none, accuracies=none, scores=none, memory=memory, trial=[], progress={}, cost=Cost()
        )

    def restore(self, saved: Mapping[str, Any]) -> BlackBoxState:
        """A state that was saved by to_dict. What the strategy sees stays on the CPU, where proposals are made."""
        state = BlackBoxState.from_dict(saved)
        state.progress = moved(state.progress, self.device)
        return state

    def advance(self, state: BlackBoxState) -> BlackBoxState:
        """One epoch of a trial's training; before its first the proposal, after its last the record."""
        began, number = time.perf_counter(), state.epoch
        if not state.trial:
            self._propose(state)
        code, epochs = state.trial
        evaluation = self.evaluator.step(Trial(tuple(code), epochs, number), state.progress, state.cost)
        state.cost.seconds += time.perf_counter() - began
        if evaluation is None:
            return state
        state.trial, state.progress = [], {}
        if state.cost.simulated_seconds + evaluation.seconds > self.simulated:
            return self._overdrawn(state)
        state.cost.simulated_seconds += evaluation.seconds
        state.cost.evaluations += 1
        state.codes = torch.cat([state.codes, torch.tensor([code])])
        state.epochs = torch.cat([state.epochs, state.epochs.new_tensor([epochs])])
        state.accuracies = torch.cat([state.accuracies, state.accuracies.new_tensor([evaluation.accuracy])])
        seen = self.priced.seen(evaluation.accuracy, self.space.decode(code))
        state.scores = torch.cat([state.scores, state.scores.new_tensor([seen])])
        state.measure_memory(self.device)
        state.records.append(self._record(state))
        if state.epoch == self.epochs:
            state.stopped_by = "epochs"
        elif state.cost.evaluations == self.budget.evaluations:
            state.stopped_by = "evaluations"
        else:
            state.stopped_by = state.out_of_time(self.budget)
        return state

    def check(self, state: BlackBoxState) -> None:
        """Any state may be saved: a training that diverges is a poor trial, and nothing else."""

    def genotype(self, state: BlackBoxState) -> Genotype:
        """The best so far."""
        return self.space.decode(state.codes[state.history.best].tolist())

    def result(self, state: BlackBoxState) -> SearchResult:
        return SearchResult(
            genotype=self.genotype(state),
            cost=state.cost,
            records=tuple(state.records),
            alpha=(),
            settings=self.parts.settings(),
            stopped_by=state.stopped_by,
        )

    def _propose(self, state: BlackBoxState) -> None:
        draw = generator(self.seed, "strategy", state.epoch)
        proposal = self.parts.strategy.propose(self.space.choices, state.history, state.memory, draw)
        state.memory, state.trial = proposal.memory, [list(proposal.code), proposal.epochs]
        state.progress = self.evaluator.begin(Trial(proposal.code, proposal.epochs, state.epoch))

    def _overdrawn(self, state: BlackBoxState) -> BlackBoxState:
        """The trial that goes beyond the simulated seconds is dropped and ends the search."""
        if not state.epoch:
            raise HarnessError(f"simulated_seconds={self.simulated:g} does not pay for one trial; set it higher.")
        state.stopped_by = "simulated seconds"
        return state

    def _record(self, state: BlackBoxState) -> dict[str, Any]:
        """`trial_*` is the trial that ended; the rest is the best so far."""
        history, best = state.history, self.genotype(state)
        data, measure = self.dataset, self.evaluator.measure
        looked_up = {"table": data.accuracies(best)[data.name]} if isinstance(data, TableData) else {}
        return {
            "epoch": state.epoch - 1,
            "trial_genotype": str(self.space.decode(state.codes[-1].tolist())),
            "trial_epochs": float(state.epochs[-1]),
            f"trial_{measure}": float(state.accuracies[-1]),
            f"best_{measure}": float(state.accuracies[history.best]),
            **self._priced_at(state),
            **looked_up,
            "genotype": str(best),
            "operations": operation_counts(best),
            "cost": state.cost.to_json(),
        }

    def _priced_at(self, state: BlackBoxState) -> dict[str, Any]:
        """The objectives of the trial that ended and of the best, and the costs of the latter."""
        if self.priced.is_free:
            return {}
        last, best = (1 - float(state.scores[number]) / 100 for number in (-1, state.history.best))
        return {"trial_objective": last, "best_objective": best, "costs": self.priced.of(self.genotype(state))}
