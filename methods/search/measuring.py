"""What is measured of a supernet: loss and accuracy on alpha's images, curvature in alpha, and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from harness.core.rng import generator
from harness.core.types import Part
from methods.rules.rule import normal
from methods.schedules.clock import Clock
from methods.search.curvature import extreme, hessian_product
from methods.search.parts import Parts
from methods.search.records import finite
from methods.search.state import State
from methods.search.supernets import Supernets
from methods.training.batches import Batch
from methods.training.saved_activations import SavedActivations
from methods.training.weights import FlatModel

VALIDATION_BATCH = 250
"""Images per batch of the epoch-end validation; eval mode, so it does not enter the result."""


@torch.no_grad()
def validate(
    model: FlatModel, part: Part, gates: Callable[[str], Tensor], noise: Callable[[str], torch.Generator]
) -> tuple[float, float]:
    """Mean loss and accuracy over a part, eval mode, without augmentation. The gates and the noise of every batch are
    asked for by its name."""
    model.module.eval()
    sums = torch.zeros(2, dtype=torch.float64, device=model.weights.device)
    for number, chosen in enumerate(torch.arange(len(part)).split(VALIDATION_BATCH)):
        images, labels = part.batch(chosen, None)
        name = f"validation-{number}"
        logits = model(images, gates(name), noise(name))
        loss = F.cross_entropy(logits, labels, reduction="sum")
        sums += torch.stack([loss.double(), (logits.argmax(dim=1) == labels).sum().double()])
    loss_sum, correct = (sums / len(part)).tolist()
    return loss_sum, correct


def largest_eigenvalue(
    parts: Parts, supernets: Supernets, state: State, batch: Batch, clock: Clock, decay: float
) -> float | None:
    """That of the Hessian of the cross-entropy of a batch in alpha, `decay` added to its diagonal, at the weights as
    they are: in train mode, on the scratch copy. None where it cannot be found."""
    from scipy.sparse.linalg import ArpackError  # as in `curvature`

    images, labels = batch

    def loss(alpha: Tensor) -> Tensor:
        supernets.scratch.copy_from(supernets.model)
        supernets.scratch.module.train()
        state.cost.spend(forwards=1, backwards=2, images=len(labels))
        draw = generator(supernets.seed, "gates/hessian", state.epoch)
        gates = supernets.gates(alpha, clock, draw, state.relaxed)
        return F.cross_entropy(supernets.scratch(images, gates, supernets.noise("hessian", state.epoch)), labels)

    def apply(vector: Tensor) -> Tensor:
        return hessian_product(loss, state.alpha, vector) + decay * vector

    start = normal(generator(supernets.seed, "lanczos", state.epoch), 1, state.alpha)[0]
    with parts.arithmetic.factors():
        try:
            return finite(extreme(apply, start, largest=True))
        except ArpackError:
            return None


@contextmanager
def saved_activations(supernets: Supernets, state: State) -> Iterator[None]:
    """Measures what the first step of an epoch, which is one that moves alpha, saves for its backward passes."""
    if state.step:
        yield
        return
    own = (supernets.model, supernets.scratch)
    vectors = [vector for model in own for vector in (model.weights, model.gradient, model.statistics)]
    with SavedActivations(without=vectors) as saved:
        yield
    state.cost.saved_activations = max(state.cost.saved_activations, saved.peak)
