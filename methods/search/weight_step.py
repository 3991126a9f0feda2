"""One step of SGD on the weights of the supernet, alpha fixed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Generator, Tensor

from harness.core.rng import generator
from harness.core.types import Cost
from methods.samplers.sampler import Position
from methods.schedules.clock import Clock
from methods.search.parts import Parts
from methods.search.state import State
from methods.search.supernets import Supernets
from methods.training.batches import Batch
from methods.training.weights import FlatModel, PassResult


def train_weights(
    parts: Parts,
    supernets: Supernets,
    state: State,
    batch: Batch,
    clock: Clock,
    alpha: Tensor,
    batch_of_alpha: Callable[[], Batch],
) -> None:
    """The next step, at this alpha (d,), in place on the state. `batch_of_alpha` is what the gradient may be compared
    on."""
    model, trained, lr, step = supernets.model, list[Tensor](), parts.lr_at(clock), state.cost.weight_steps
    for number in range(parts.sampler.passes):
        trained.append(weight_gates(parts, supernets, state, batch, step, clock, alpha, number))
        noise = supernets.noise(_of_pass("train", number), step)
        passed = _pass(model, batch, trained[-1], noise, number, state.cost)
        _meter(state, step, passed.loss, passed.logits, batch[1])

    def agreement() -> Tensor:
        supernets.scratch.copy_from(model)
        valid = batch_of_alpha()
        for number, gates in enumerate(trained):
            noise = supernets.noise(_of_pass("agreement", number), step)
            _pass(supernets.scratch, valid, gates, noise, number, state.cost)
        return supernets.operations.cosines(model.gradient, supernets.scratch.gradient)

    state.freezing = dict(parts.freezing.before_step(state.freezing, agreement))
    frozen = parts.freezing.frozen(state.freezing)
    moved = state.weights, state.momentum
    if frozen is None:
        take = partial(parts.training.step, *moved, model.gradient, lr)
    else:
        still = supernets.operations.weights_of(frozen)
        take = partial(parts.training.step_without, still, *moved, model.gradient, lr)
    if parts.sampler.spares_others:
        parts.training.sparing(model.without_gradient(), *moved, take)
    else:
        take()
    state.cost.weight_steps += 1


def _pass(model: FlatModel, batch: Batch, gates: Tensor, noise: Generator, number: int, cost: Cost) -> PassResult:
    """Pass `number` of a weight step, in train mode; its gradient joins those of the passes before it."""
    before = model.gradient.clone() if number else None
    model.module.train()
    passed = model.run(batch, gates, noise, of_weights=True)
    if before is not None:
        model.gradient.add_(before)
    cost.spend(forwards=1, backwards=1, images=len(batch[1]))
    return passed


def weight_gates(
    parts: Parts, supernets: Supernets, state: State, batch: Batch, step: int, clock: Clock, alpha: Tensor, number: int
) -> Tensor:
    """The gates of a pass of a weight step: the sampler's, perturbed where the method does so."""
    widths = supernets.reduced.widths

    def look(gates: Tensor, of_gates: bool) -> PassResult:
        supernets.model.module.eval()
        every = parts.edge.all_gates(gates, clock.epoch, clock.epochs)
        noise = supernets.noise(_of_pass("perturbation", number), step)
        passed = supernets.model.run(batch, every, noise, of_gates=of_gates)
        state.cost.spend(forwards=1, backwards=int(of_gates), images=len(batch[1]))
        return passed if passed.of_gates is None else passed._replace(of_gates=passed.of_gates[:, : max(widths)])

    names = (_of_pass(name, number) for name in ("gates/train", "perturbation"))
    drawn, moved = (generator(supernets.seed, name, step) for name in names)
    position = Position(alpha, parts.relaxation, state.relaxed, supernets.reduced, clock, supernets.classes)
    gates = parts.sampler.gates(number, position, drawn)
    gates = parts.perturbation.perturbed(gates, widths, look, clock, moved)
    return parts.edge.all_gates(gates, clock.epoch, clock.epochs)


def _of_pass(name: str, number: int) -> str:
    """The name of a random stream in pass `number` of a weight step."""
    return f"{name}/{number}" if number else name


def _meter(state: State, step: int, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
    """Adds a pass to the epoch's sums and notes a failure, without waiting for the device."""
    correct = (logits.argmax(dim=1) == labels).sum()
    state.meters += torch.stack([loss.double() * len(labels), correct.double(), correct.new_tensor(len(labels))])
    finite = loss.isfinite() & state.alpha.isfinite().all()
    first = (state.failed_at < 0) & ~finite
    state.failed_at = torch.where(first, step, state.failed_at)
