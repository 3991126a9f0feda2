"""One update of alpha: the rule's, through the oracle of the lookahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.rng import generator
from harness.core.types import Cost
from methods.lookaheads.lookahead import UpdateContext
from methods.objectives.objective import Point
from methods.pricing.price import Priced
from methods.relaxations.policy import Sample
from methods.schedules.clock import Clock
from methods.search.images import Images
from methods.search.metering import UsedUp, take
from methods.search.parts import Parts
from methods.search.state import State
from methods.search.supernets import Supernets
from methods.training.batches import Batch, Batches


@dataclass(frozen=True)
class Streams:
    """What is random in an update: the draws of gates and of noise operations, by the name of a forward; the batches of
    the weights' images, by their stream and size; and those of alpha's, by their numbers."""

    gates: Callable[[str], Generator]
    noise: Callable[[str], Generator]
    batches: Callable[[str, int], Batches]
    valid: Callable[[int], Batch]


def update_context(
    parts: Parts,
    supernets: Supernets,
    state: State,
    clock: Clock,
    streams: Streams,
    train: Batch,
    update: int,
    cost: Cost,
    priced: Priced,
) -> UpdateContext:
    """What update number `update` may look at, with both copies of the supernet in train mode."""
    widest = max(supernets.reduced.widths)

    def gates(alpha: Tensor, name: str) -> Tensor:
        return supernets.gates(alpha, clock, streams.gates(name), state.relaxed)

    def sample(alpha: Tensor, name: str) -> Sample:
        return supernets.sample(alpha, clock, streams.gates(name), state.relaxed)

    def objective(loss: Tensor, alpha: Tensor, gates: Tensor) -> Tensor:
        at = Point(alpha, gates[:, :widest], supernets.reduced, parts.relaxation, clock, state.relaxed)
        return parts.objective.added_to(priced.of_alpha(loss, at), at)

    supernets.model.module.train()
    supernets.scratch.module.train()
    return UpdateContext(
        model=supernets.model,
        scratch=supernets.scratch,
        momentum=state.momentum,
        gates=gates,
        training=parts.training,
        lr=parts.lr_at(clock),
        train=train,
        valid=streams.valid(update),
        batches=streams.batches,
        update=update,
        draw=streams.noise,
        cost=cost,
        objective=objective,
        sample=sample,
        valid_batches=streams.valid,
        carried=dict(state.lookahead),
        epoch=state.epoch,
    )


def move_alpha(
    parts: Parts,
    supernets: Supernets,
    images: Images,
    state: State,
    train: Batch,
    clock: Clock,
    priced: Priced,
    evaluations: int | None = None,
) -> bool:
    """The next update, in place on the state; it belongs to the weight step on the batch `train`. False, and alpha
    stays, where it would make more than so many evaluations in all."""
    update, seed = state.cost.alpha_steps, supernets.seed
    streams = Streams(
        gates=lambda name: generator(seed, f"gates/alpha/{name}", update),
        noise=lambda name: supernets.noise(f"alpha/{name}", update),
        batches=images.of_weights,
        valid=lambda number: images.batch_of_alpha(state.stage, number, train),
    )
    context = update_context(parts, supernets, state, clock, streams, train, update, state.cost, priced)
    before, draw = state.alpha, generator(seed, "rule", update)
    try:
        diagnostics = take(parts.rule, parts.lookahead.oracle(context), state, clock, draw, evaluations)
    except UsedUp:
        return False
    state.alpha = parts.relaxation.moved(before, state.alpha, supernets.reduced)
    state.lookahead = context.carried
    for name, value in {**diagnostics, "updates": torch.ones((), device=supernets.device)}.items():
        state.diagnostics[name] = state.diagnostics.get(name, 0.0) + value.detach().double()
    return True
