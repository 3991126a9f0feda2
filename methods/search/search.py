"""The search: an explicit state, advanced one weight step at a time.

    state = search.start()
    while not state.stopped_by:
        state = search.advance(state)
    result = search.result(state)

Everything random is a function of (seed, stream, step), so a state that was saved and loaded goes on as if nothing had
happened.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype, parse
from harness.core.rng import generator
from harness.core.types import Budget, Cost, Dataset, SearchResult
from methods.derivations.derivation import Choices, Derivation, Standing
from methods.objectives.objective import Point
from methods.pricing.price import Network
from methods.schedules.clock import Clock
from methods.search.alpha_step import move_alpha
from methods.search.images import Images
from methods.search.measuring import largest_eigenvalue, saved_activations, validate
from methods.search.parts import Parts
from methods.search.records import finite, operation_counts
from methods.search.selecting import Selecting
from methods.search.state import State, moved
from methods.search.supernets import Supernets
from methods.search.weight_step import train_weights
from methods.stopping.stopping import Ending
from spaces import Space

CHECK_EVERY = 50
"""Weight steps between two looks at whether the loss is still finite; a look waits for the device."""


class Search:
    """One search with everything that is fixed about it. Raises HarnessError when the parts do not fit the data."""

    def __init__(
        self, parts: Parts, space: Space, dataset: Dataset, seed: int, device: str = "cpu", budget: Budget | None = None
    ) -> None:
        self.parts, self.space, self.seed, self.device = parts, space, seed, device
        self.budget, self.epochs = budget or Budget(), parts.training.epochs
        self.images = Images(parts, space, dataset, seed, device)
        self.supernets = Supernets(parts, space, dataset.classes, seed, device)
        parts.sampler.check(space, dataset.classes)
        network = Network(space, parts.macro, dataset.name, dataset.classes, dataset.image_size)
        self.priced = parts.price.priced(network)
        fixed = (parts, space, self.supernets, self.images, self.budget, self.priced)
        self.selecting = Selecting(*fixed) if parts.strategy else None

    def steps(self, epoch: int) -> int:
        """The steps of an epoch: those of the weights, then updates of alpha by themselves."""
        return self.weight_steps(epoch) + self.parts.schedule.updates_after(self.parts.clock(epoch))

    def weight_steps(self, epoch: int) -> int:
        """The weight steps of an epoch."""
        stage = self.parts.schedule.stage(epoch, self.epochs)
        return self.images.train_batches(stage.number).per_pass

    def start(self) -> State:
        """The state before the first step."""
        kept = [list(edge.operations) for edge in self.space.edges]
        self.supernets.build(0, kept)
        return State(
            stage=0,
            kept=kept,
            last_choice=[{} for _ in kept],
            **self.supernets.beginning(0),
            meters=torch.zeros(3, dtype=torch.float64, device=self.device),
            failed_at=torch.full((), -1, device=self.device),
            diagnostics={},
            cost=Cost(),
        )

    def restore(self, saved: Mapping[str, Any]) -> State:
        """A state that was saved by to_dict."""
        state = State.from_dict(saved, self.device)
        state.selection = moved(state.selection, "cpu")
        return state

    def advance(self, state: State) -> State:
        """One weight step and the update of alpha if one is due, or an update by itself; at the end of an epoch
        validation and the record; after the training of a method that chooses among candidates, one of these.

        Changes the state in place and returns it. Raises HarnessError when the loss is no longer finite.
        """
        began = time.perf_counter()
        self.supernets.bind(state)
        if state.selection:
            return self._select(state, began)
        while state.stage < self.parts.schedule.stage(state.epoch, self.epochs).number:
            self._next_stage(state)
        clock = self.parts.clock(state.epoch)
        self.supernets.adjust(state.stage, clock)
        self.images.adjust(clock)
        with saved_activations(self.supernets, state), self.parts.arithmetic.factors():
            paid = self._step(state, clock)
        state.step += 1
        epoch_over = state.step == self.steps(state.epoch)
        if epoch_over or state.step % CHECK_EVERY == 0:
            self.check(state)
        state.cost.seconds += time.perf_counter() - began
        used_up = state.out_of_time(self.budget) if paid else "evaluations"
        if epoch_over or used_up:
            self._close_epoch(state, clock, used_up)
        return state

    def _next_stage(self, state: State) -> None:
        """What the schedule keeps as the next stage begins is decided at the end of the one before it."""
        clock = self.parts.clock(max(0, state.epoch - 1))
        with self.parts.arithmetic.factors():
            kept = self.parts.schedule.keep(self._standing(state, clock), state.past, state.stage + 1)
        state.last_choice = self.choices(state)
        self.supernets.next_stage(state, kept)

    def _step(self, state: State, clock: Clock) -> bool:
        """The weights, and alpha where it is due, in the order of the schedule. False where the budget's evaluations do
        not pay for moving alpha."""
        parts, supernets, before = self._parts(state), self.supernets, state.alpha
        last = self.weight_steps(state.epoch) - 1
        batch = self.images.batch_of_weights(state.stage, state.epoch, min(state.step, last))
        moves_alpha, order = self.moves_alpha(state.epoch, state.step), parts.schedule.order
        limit = self.budget.evaluations
        move = partial(move_alpha, parts, supernets, self.images, state, batch, clock, self.priced, limit)
        if state.step > last:
            return move() if moves_alpha else True
        paid = move() if moves_alpha and order != "weights-first" else True
        alpha = before if order == "simultaneous" else state.alpha
        compared = partial(self.images.batch_of_alpha, state.stage, state.cost.weight_steps, batch)
        train_weights(parts, supernets, state, batch, clock, alpha, compared)
        return move() if moves_alpha and order == "weights-first" else paid

    def _parts(self, state: State) -> Parts:
        """The parts, with the weight decay that the search has come to."""
        training = self.parts.training
        decay = self.parts.stopping.weight_decay(training.weight_decay, len(state.returns))
        return self.parts if decay == training.weight_decay else self.parts.with_weight_decay(decay)

    def check(self, state: State) -> None:
        """Raises HarnessError if anything in the state stopped being finite, saying at which step, counted from 1."""
        failed = int(state.failed_at)
        carried = (state.alpha, state.weights, state.momentum, state.statistics)
        if failed < 0 and not all(bool(tensor.isfinite().all()) for tensor in carried):
            failed = state.cost.weight_steps - 1
        if failed >= 0:
            step = failed - (state.cost.weight_steps - self._weight_steps_done(state))
            raise HarnessError(
                f"the search is not finite from epoch {state.epoch + 1}, step {step + 1} on; "
                "the last checkpoint before it is kept. Try a smaller learning rate (--set lr=...) or step of alpha."
            )

    def genotype(self, state: State) -> Genotype:
        """The architecture that was found, once the search is over; before, the best candidate so far, or the one that
        the current alpha derives to."""
        if state.found:
            return parse(state.found)
        if self.selecting and state.selection and (best := self.selecting.best(state)):
            return best
        if early := self._early(state.records, state.stopped_by):
            return parse(_of_epoch(state.records, early.epoch))
        return self.space.completed(self._derivation.derive(self._standing(state)))

    def choices(self, state: State) -> list[dict[str, float]]:
        """Per edge the strengths of its operations; where one or none is left, of those among which that was chosen."""
        rows = self.strengths(state)
        return [row if len(row) > 1 else last or row for row, last in zip(rows, state.last_choice, strict=True)]

    def strengths(self, state: State) -> list[dict[str, float]]:
        """The strengths of the operations per edge by their names, float64: softmax(alpha), mostly."""
        alpha, space = state.alpha.detach().double().cpu(), self.space.restricted(state.kept)
        rows = iter(self.parts.relaxation.strengths(alpha, space, state.relaxed).tolist())
        return [dict(zip(names, next(rows), strict=False)) if names else {} for names in state.kept]

    def moves_alpha(self, epoch: int, step: int) -> bool:
        """Whether alpha moves at this step of this epoch, if there is still something to choose then."""
        due = step >= self.weight_steps(epoch) or self.parts.schedule.moves_alpha(self.parts.clock(epoch), step)
        return due and max(self.supernets.reduced.widths) > 1

    def _weight_steps_done(self, state: State) -> int:
        """How many of this epoch's."""
        return min(state.step, self.weight_steps(state.epoch))

    def result(self, state: State) -> SearchResult:
        return SearchResult(
            genotype=self.genotype(state),
            cost=state.cost,
            records=tuple(state.records),
            alpha=tuple(state.alpha.tolist()),
            settings=self.parts.settings(),
            stopped_by=state.stopped_by,
        )

    def how_found(self, records: Sequence[Mapping[str, Any]], stopped_by: str) -> str:
        """How the genotype of a search that ended so was got, in words."""
        if self.selecting and "selection" in records[-1]:
            return self.selecting.how_found(records[-1]["selection"])
        early = self._early(records, stopped_by)
        return early.words if early else self._derivation.words

    @property
    def _derivation(self) -> Derivation:
        return self.parts.schedule.derivation(self.parts.derivation)

    def _early(self, records: Sequence[Mapping[str, Any]], stopped_by: str) -> Ending | None:
        """How the stopping rule ended the search, if it was that which ended it."""
        ending = self.parts.stopping.ending(records, self.epochs) if stopped_by else None
        return ending if ending and ending.stopped_by == stopped_by else None

    def _standing(self, state: State, clock: Clock | None = None) -> Standing:
        """What a derivation sees; what it measures is measured in an epoch with this clock, the last by default."""
        choices, clock = self.choices(state), clock or self.parts.clock(min(state.epoch, self.epochs - 1))
        rows: Choices = choices
        if self.parts.schedule.decides:
            rows = [row if len(row) != 1 else dict.fromkeys(row, 1.0) for row in self.strengths(state)]

        def gates() -> Tensor:
            draw = generator(self.seed, "gates/derivation", state.epoch)
            return self.supernets.gates(state.alpha, clock, draw, state.relaxed).detach()

        return Standing(
            whole=self.space,
            space=self.space.restricted([list(row) for row in rows]),
            strengths=[list(row.values()) for row in rows if row],
            choices=choices,
            kept=state.kept,
            gates=gates,
            measure=lambda gates: validate(
                self.supernets.model,
                self.images.valid,
                lambda name: gates,
                lambda name: self.supernets.noise(f"derivation/{name}", state.epoch),
            ),
            draw=lambda: generator(self.seed, "derivation", state.epoch),
        )

    def _close_epoch(self, state: State, clock: Clock, used_up: str) -> None:
        """Validation, of the supernet that was trained; what the relaxation decides after an epoch, and the record,
        whose cell is that of these decisions; then the next epoch, or the end."""
        self.check(state)
        began = time.perf_counter()
        validation = self.validate(state, clock)
        state.cost.validation_seconds += time.perf_counter() - began
        watched = {}
        if self.parts.stopping.watches(state.epoch, self.epochs):
            began = time.perf_counter()
            watched = self.parts.stopping.watch(partial(self.curvature, state, clock))
            if state.returns:
                decay = self._parts(state).training.weight_decay
                watched |= {"returns": list(state.returns), "weight_decay": decay}
            state.cost.seconds += time.perf_counter() - began
        state.measure_memory(self.device)
        state.relaxed = dict(
            self.parts.relaxation.after_epoch(state.relaxed, state.alpha, self.supernets.reduced, clock)
        )
        state.records.append({**self._record(state, clock, *validation), **watched})
        remembered = self.parts.schedule.remembers
        state.past = [*state.past, self.choices(state)][-remembered:] if remembered else []
        state.close_epoch(self.steps(state.epoch), self.epochs, used_up)
        if not state.step:
            state.meters = torch.zeros_like(state.meters)
        self._go_back_if_due(state)
        if not state.stopped_by and (ending := self.parts.stopping.ending(state.records, self.epochs)):
            state.stopped_by = ending.stopped_by
        if state.stopped_by and self.selecting:
            self.selecting.begin(state, partial(self.strengths, state))
        elif state.stopped_by and not self._early(state.records, state.stopped_by):
            began = time.perf_counter()
            with self.parts.arithmetic.factors():
                found = self._derivation.conclude(self._standing(state, clock))
                state.found = str(self.space.completed(found))
            state.cost.validation_seconds += time.perf_counter() - began

    def _select(self, state: State, began: float) -> State:
        """One candidate; after the last the cell, which is entered into the last record with what it was chosen by."""
        assert self.selecting is not None
        clock = self.parts.clock(min(state.epoch, self.epochs - 1))
        self.supernets.adjust(state.stage, clock)
        self.images.adjust(clock)
        with self.parts.arithmetic.factors():
            self.selecting.advance(state, clock, partial(self.strengths, state))
        state.cost.seconds += time.perf_counter() - began
        state.stopped_by = self.selecting.over(state)
        if state.stopped_by:
            genotype = self.genotype(state)
            state.found = str(genotype)
            state.measure_memory(self.device)
            state.records[-1] = {
                **state.records[-1],
                "genotype": str(genotype),
                "operations": operation_counts(genotype),
                "selection": self.selecting.shown(state),
                "cost": state.cost.to_json(),
            }
        return state

    def _go_back_if_due(self, state: State) -> None:
        stopping, decay = self.parts.stopping, self.parts.training.weight_decay
        if state.step or state.stopped_by:
            return
        state.keep_end(stopping.within_reach(state.epoch - 1))
        before = stopping.going_back(state.records, len(state.returns), decay)
        if before is not None:
            state.go_back(before)

    def validate(self, state: State, clock: Clock) -> tuple[float, float]:
        """Mean loss and accuracy over alpha's images, eval mode, without augmentation."""

        def gates(name: str) -> Tensor:
            draw = generator(self.seed, f"gates/{name}", state.epoch)
            return self.supernets.gates(state.alpha, clock, draw, state.relaxed)

        with self.parts.arithmetic.factors():
            return validate(
                self.supernets.model, self.images.valid, gates, lambda name: self.supernets.noise(name, state.epoch)
            )

    def curvature(self, state: State, clock: Clock, decay: float) -> float | None:
        """The largest eigenvalue of the Hessian in alpha, on the last batch that moved alpha; see
        `methods.stopping.stopping.Curvature`."""
        batch = self.images.valid_batches(state.stage).at(max(0, state.cost.alpha_steps - 1))
        return largest_eigenvalue(self.parts, self.supernets, state, batch, clock, decay)

    def _record(self, state: State, clock: Clock, valid_loss: float, valid_accuracy: float) -> dict[str, Any]:
        genotype = self.genotype(state)
        loss, correct, images = state.meters.tolist()
        sums = {name: float(value) for name, value in state.diagnostics.items()}
        updates = sums.pop("updates", 0.0)
        return {
            "epoch": state.epoch,
            "steps": self._weight_steps_done(state),
            "train_loss": loss / images,
            "train_accuracy": correct / images,
            "valid_loss": finite(valid_loss),
            "valid_accuracy": valid_accuracy,
            "lr": self.parts.lr_at(clock),
            "genotype": str(genotype),
            "operations": operation_counts(genotype),
            "candidates": [len(names) for names in state.kept],
            "alpha_entropy": self._entropy(state),
            "alpha_norm": float(state.alpha.double().norm()),
            "alpha_updates": int(updates),
            "rule": {name: finite(total / updates) for name, total in sorted(sums.items())},
            **self._priced_at(state, clock, valid_loss),
            **({"lookahead": dict(state.lookahead)} if state.lookahead else {}),
            **self.parts.relaxation.shown(state.relaxed),
            **self.parts.freezing.shown(state.freezing),
            "cost": state.cost.to_json(),
        }

    def _priced_at(self, state: State, clock: Clock, valid_loss: float) -> dict[str, Any]:
        """The objective at the loss on all of alpha's images, and the costs, at the gates that alpha makes."""
        if self.priced.is_free:
            return {}
        draw = generator(self.seed, "gates/price", state.epoch)
        gates = self.parts.relaxation.gates(state.alpha, self.supernets.reduced, clock, draw, state.relaxed)
        at = Point(state.alpha, gates, self.supernets.reduced, self.parts.relaxation, clock, state.relaxed)
        return self.priced.shown(valid_loss, at)

    def _entropy(self, state: State) -> float:
        """Mean over the edges of the entropy of their strengths, scaled to the sum 1, in nats; 0 for an edge whose
        strengths all are."""
        rows = [list(row.values()) for row in self.strengths(state)]
        rows = [[p / sum(row) for p in row] for row in rows if sum(row) > 0]
        return -sum(p * math.log(p) for row in rows for p in row if p > 0) / len(state.kept)


def _of_epoch(records: Sequence[Mapping[str, Any]], epoch: int) -> str:
    return next(str(record["genotype"]) for record in records if record["epoch"] == epoch)
