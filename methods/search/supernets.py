"""The supernet of the stage that a search is in, with a scratch copy, and the way from one stage to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from harness.core.errors import HarnessError
from harness.core.rng import generator, seed_of
from methods.freezing.operations import Operations, of_those_left, operations_of
from methods.relaxations.policy import Policy, Sample
from methods.relaxations.relaxation import NOTHING
from methods.schedules.clock import Clock
from methods.schedules.schedule import KeptOperations
from methods.search.parts import Parts
from methods.search.state import State
from methods.training import graphs
from methods.training.graphs import Recordings
from methods.training.weights import FlatModel, inherit
from spaces import Space


class Supernets:
    """`model` is the supernet, `scratch` a copy on which candidates live, and `reduced` the space with the operations
    that both have."""

    def __init__(self, parts: Parts, space: Space, classes: int, seed: int, device: str) -> None:
        self.parts, self.space, self.classes, self.seed, self.device = parts, space, classes, seed, device
        self._built: tuple[int, KeptOperations] | None = None
        self.reduced = space

    def build(self, stage: int, kept: KeptOperations) -> None:
        """Goes over to the supernet of a stage, with these operations, if it is another."""
        if self._built == (stage, kept):
            return
        self._built, self.reduced = (stage, kept), self.space.restricted(kept)
        recordings = Recordings()
        self.model, self.scratch = self._model(stage, recordings), self._model(stage, recordings)
        self._initial = self.model.weights, self.model.statistics
        self._operations: Operations | None = None

    def _model(self, stage: int, recordings: Recordings) -> FlatModel:
        """A supernet with the initial weights of this seed and stage."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(self.seed, "weights", stage))
            macro, deeper = self.parts.macro, self.parts.schedule.deeper(stage)
            macro = replace(macro, cells=macro.cells + deeper) if deeper else macro
            module = self.reduced.supernet(macro, self.classes, self.parts.edge.of_stage(stage).outgoing)
        recorded = module.repeats and graphs.wanted(self.device)
        module = module.to(memory_format=torch.channels_last)
        return FlatModel(module, self.device, self.parts.arithmetic, recordings=recordings if recorded else None)

    @property
    def operations(self) -> Operations:
        """Which of the weights belong to which operation."""
        if self._operations is None:
            self._operations = operations_of(self.scratch)
        return self._operations

    def bind(self, state: State) -> None:
        """Goes over to the supernet of the state's stage, at the state's weights."""
        self.build(state.stage, state.kept)
        if self.model.weights is not state.weights or self.model.statistics is not state.statistics:
            self.model.bind(state.weights, state.statistics)

    def beginning(self, stage: int) -> dict[str, Any]:
        """The part of the state that a stage begins with which inherits nothing, for the supernet that is built."""
        relaxation, draw = self.parts.relaxation, generator(self.seed, "alpha", stage)
        alpha = relaxation.initial(self.reduced, draw).to(self.device)
        weights, statistics = self._initial
        return {
            "alpha": alpha,
            "memory": self.parts.rule.start(alpha),
            "relaxed": relaxation.start(alpha, self.reduced, generator(self.seed, "relaxation", stage)),
            "weights": weights.clone(),
            "freezing": {},
            "momentum": torch.zeros_like(weights),
            "statistics": statistics.clone(),
        }

    def next_stage(self, state: State, kept: KeptOperations) -> None:
        """Goes on to the next stage, with these operations."""
        relaxation = self.parts.relaxation
        staying = relaxation.staying(state.kept, kept)
        staying += [True] * (len(state.alpha) - len(staying))  # what of alpha is not about operations
        before, columns = self.model, torch.tensor(staying, device=self.device)
        state.kept, state.stage = kept, state.stage + 1
        self.build(state.stage, kept)
        if not self.parts.schedule.inherits:
            vars(state).update(self.beginning(state.stage))
            return
        for name in ("memory", "relaxed"):
            carried: Mapping[str, Tensor] = getattr(state, name)
            setattr(state, name, {key: _entries(value, columns) for key, value in carried.items()})
        state.alpha = state.alpha[columns]
        if len(state.alpha) != relaxation.size(self.reduced):
            raise HarnessError(
                f"{type(relaxation).__name__} has logits of edges, and cannot go with a schedule that removes some."
            )
        state.freezing = of_those_left(state.freezing, before, self.model)
        state.momentum = inherit(before, self.model, state.momentum)
        state.weights, state.statistics = self.model.weights, self.model.statistics

    def adjust(self, stage: int, clock: Clock) -> None:
        """Gives both copies what the edge part sets anew every epoch, such as a dropout rate."""
        for model in (self.model, self.scratch):
            self.parts.edge.adjust(model.module, stage, clock.epoch, clock.epochs, clock.warmup)

    def gates(self, alpha: Tensor, clock: Clock, draw: Generator, carried: Mapping[str, Tensor] = NOTHING) -> Tensor:
        """What the supernet is given for an alpha, of which `draw` is the randomness, and `carried` what the relaxation
        carries."""
        gates = self.parts.relaxation.gates(alpha, self.reduced, clock, draw, carried)
        return self.parts.edge.all_gates(gates, clock.epoch, clock.epochs)

    def sample(self, alpha: Tensor, clock: Clock, draw: Generator, carried: Mapping[str, Tensor] = NOTHING) -> Sample:
        """The same, of a relaxation that is a policy, with the probability of what was drawn."""
        policy = self.parts.relaxation
        assert isinstance(policy, Policy)
        drawn = policy.sample(alpha, self.reduced, clock, draw, carried)
        return drawn._replace(gates=self.parts.edge.all_gates(drawn.gates, clock.epoch, clock.epochs))

    def noise(self, name: str, step: int) -> Generator:
        """For noise operations, which draw on the device."""
        return generator(self.seed, f"noise/{name}", step, self.device)


def _entries(value: Tensor, staying: Tensor) -> Tensor:
    """What of a part's memory is about entries of alpha (d,), or about pairs of them (d, d), for those that stay."""
    if set(value.shape) != {len(staying)}:
        return value
    for place in range(value.dim()):
        value = value.index_select(place, staying.nonzero().flatten())
    return value
