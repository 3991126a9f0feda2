"""The parts of a search by name, and how a composition, a space and a user's settings become one set of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.core.errors import HarnessError
from methods.composition import Composition, name_of
from methods.derivations import DERIVATIONS
from methods.derivations.derivation import Derivation
from methods.freezing import FREEZINGS
from methods.freezing.freezing import Freezing
from methods.lookaheads import LOOKAHEADS
from methods.lookaheads.lookahead import Lookahead
from methods.lookaheads.reinforce import Reinforce
from methods.objectives import OBJECTIVES
from methods.objectives.objective import Objective
from methods.perturbations import PERTURBATIONS
from methods.perturbations.perturbation import Perturbation
from methods.pricing.price import Price
from methods.rankings import RANKINGS
from methods.rankings.ranking import Ranking
from methods.relaxations import RELAXATIONS
from methods.relaxations.policy import Policy
from methods.relaxations.relaxation import Relaxation
from methods.resolving import Resolved, resolve_settings
from methods.rules import RULES
from methods.rules.rule import Rule, gradients_alone
from methods.samplers import SAMPLERS
from methods.samplers.sampler import Sampler
from methods.schedules import SCHEDULES
from methods.schedules.clock import Clock
from methods.schedules.schedule import Schedule
from methods.stopping import STOPPINGS
from methods.stopping.stopping import Stopping
from methods.strategies import STRATEGIES
from methods.strategies.strategy import Strategy
from methods.training.arithmetic import Arithmetic
from methods.training.data import Data
from methods.training.weights import Training
from spaces import Space
from spaces.edges import EDGES
from spaces.edges.edge import EdgePart

DISTRIBUTIONS = ("softmax", "gumbel", "concrete", "reinmax", "dirichlet")
"""The relaxations whose gates are a distribution over the operations of every edge."""


@dataclass(frozen=True)
class Parts(Resolved):
    """Everything a search on a supernet is made of."""

    rule: Rule
    lookahead: Lookahead
    relaxation: Relaxation
    edge: EdgePart
    schedule: Schedule
    perturbation: Perturbation
    stopping: Stopping
    objective: Objective
    derivation: Derivation
    sampler: Sampler
    freezing: Freezing
    strategy: Strategy | None
    """Of the search after training; None: the cell is derived."""
    ranking: Ranking | None
    """None where there is no such search."""
    training: Training
    data: Data
    arithmetic: Arithmetic
    price: Price
    macro: Any
    """The size of the space's supernet."""

    def clock(self, epoch: int) -> Clock:
        """Where an epoch of the search is in its stage."""
        return self.schedule.stage(epoch, self.training.epochs).clock

    def with_weight_decay(self, weight_decay: float) -> Parts:
        """The same with another decay of the weights."""
        return replace(self, training=replace(self.training, weight_decay=weight_decay))

    def lr_at(self, clock: Clock) -> float:
        """The learning rate of the weights; every clock has its own cosine."""
        return clock.rate * replace(self.training, epochs=clock.epochs).lr_at(clock.epoch)


def compose(
    composition: Composition,
    space: Space,
    layers: Sequence[Mapping[str, Any]] = (),
    user: Mapping[str, Any] | None = None,
) -> Parts:
    """The parts of a method on a supernet of the space; see `resolve_settings`. Raises HarnessError for a bad name or
    value, and for a space that the method does not apply to."""
    edge = EDGES.find(composition.edge)
    edge.check(space)
    schedule = SCHEDULES.find(composition.schedule)
    schedule.check(space)
    parts: dict[str, Any] = {
        "rule": RULES.find(composition.rule),
        "lookahead": LOOKAHEADS.find(composition.lookahead),
        "relaxation": RELAXATIONS.find(composition.relaxation),
        "edge": edge,
        "schedule": schedule,
        "perturbation": PERTURBATIONS.find(composition.perturbation),
        "stopping": STOPPINGS.find(composition.stopping),
        "objective": OBJECTIVES.find(composition.objective),
        "derivation": DERIVATIONS.find(composition.derivation),
        "sampler": SAMPLERS.find(composition.sampler),
        "freezing": FREEZINGS.find(composition.freezing),
        "strategy": STRATEGIES.find(composition.strategy) if composition.strategy else None,
        "ranking": RANKINGS.find(composition.ranking) if composition.strategy else None,
        "training": Training(),
        "data": Data(),
        "arithmetic": Arithmetic(),
        "price": Price(),
        "macro": space.macro(),
    }
    resolved = Parts(**resolve_settings(parts, composition, space, layers, user))
    resolved.edge.check_width(resolved.macro.channels)
    resolved.objective.check(resolved.relaxation)
    distributions = composition.parts["relaxation"] in DISTRIBUTIONS or not resolved.schedule.has_alpha
    resolved.price.check(space, gradients_alone(resolved.rule), distributions)
    _check_schedule(resolved.schedule, resolved.training.epochs)
    _check_logits(composition, resolved)
    _check_strategy(composition, resolved)
    _check_samples(composition, resolved)
    return resolved


def _check_strategy(composition: Composition, parts: Parts) -> None:
    """Raises HarnessError where a search after training would choose among operations that were dropped."""
    if parts.strategy is not None and parts.schedule.stage(parts.training.epochs - 1, parts.training.epochs).number:
        raise HarnessError(
            f"the schedule {name_of(composition.schedule)} drops operations, and the strategy "
            f"{name_of(composition.strategy)} chooses among all; take another schedule."
        )


def _check_samples(composition: Composition, parts: Parts) -> None:
    """Raises HarnessError where alpha would learn from samples that its relaxation does not give, or by a gradient that
    its samples do not have."""
    lookahead, relaxation = name_of(composition.lookahead), name_of(composition.relaxation)
    rewarded, sampled = isinstance(parts.lookahead, Reinforce), isinstance(parts.relaxation, Policy)
    if rewarded and not sampled:
        raise HarnessError(
            f"the lookahead {lookahead} rewards samples by their probability, which the relaxation {relaxation} does "
            "not know; take another, such as categorical."
        )
    if sampled and not rewarded:
        raise HarnessError(
            f"the samples of the relaxation {relaxation} have no gradient, and the lookahead {lookahead} takes one; "
            "take the lookahead reinforce."
        )


def _check_logits(composition: Composition, parts: Parts) -> None:
    """Raises HarnessError where alpha would go on without dropped operations, and has no logits to drop with them."""
    stages = {parts.schedule.stage(epoch, parts.training.epochs).number for epoch in range(parts.training.epochs)}
    if len(stages) > 1 and parts.schedule.inherits and not parts.relaxation.per_operation:
        raise HarnessError(
            f"the schedule {name_of(composition.schedule)} drops operations with their logits, and the relaxation "
            f"{name_of(composition.relaxation)} has no logit for each; take another schedule."
        )


def _check_schedule(schedule: Schedule, epochs: int) -> None:
    """Raises HarnessError where operations would be dropped, or a cell derived, before alpha has moved, if it moves."""
    if not schedule.has_alpha:
        return
    stages: dict[int, list[tuple[int, Clock]]] = {}
    for epoch in range(epochs):
        stage = schedule.stage(epoch, epochs)
        stages.setdefault(stage.number, []).append((epoch, stage.clock))
    for entries in stages.values():
        if not any(schedule.trains_alpha(clock) for _, clock in entries):
            part = "" if len(entries) == epochs else f" {entries[0][0] + 1} to {entries[-1][0] + 1}"
            raise HarnessError(
                f"warmup={schedule.warmup} leaves alpha no epoch{part} of epochs={epochs}; "
                "set warmup lower or epochs higher."
            )
