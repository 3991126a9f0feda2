"""Lookaheads: what stands for w*(alpha), the weights that the validation loss of an alpha is taken at.

    FirstOrder   w*(alpha) = w                                       DARTS, first order
    Averaged     w*(alpha) = w, over sampled sub-networks            ROME
    Unrolled     w*(alpha) = w after one SGD step                    DARTS, second order
    Amended      w*(alpha) = w, but for a term of the gradient       Amended-DARTS
    Reinforce    w*(alpha) = w, and -E[R] in place of L_val          ENAS
    FineTuned    w*(alpha) = w after M SGD steps with that alpha     ZARTS

Each makes the oracle of one update of alpha. The losses are taken in train mode, with batch statistics, on one
validation batch that all candidates share. Candidates live on a scratch copy: the supernet's weights, momentum and
batch-norm statistics are never written, except that the gradients of DARTS run on the supernet itself, whose running
statistics then move as they do in its code (they matter to validation in eval mode only).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from harness.core.types import Cost, Oracle
from methods.relaxations.policy import Sample
from methods.training.batches import Batch, Batches
from methods.training.weights import FlatModel, Training

OfAlpha = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The cross-entropy, alpha (d,) and the gates made of it -> alpha's loss: scalars, differentiable in all of them."""


def cross_entropy_alone(loss: Tensor, alpha: Tensor, gates: Tensor) -> Tensor:
    """alpha's loss is the cross-entropy."""
    return loss


class _OfGates(torch.autograd.Function):
    """A loss that was computed, as a function of the gates: its gradient in them is known."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, loss: Tensor, of_gates: Tensor) -> Tensor:
        ctx.of_gates = of_gates
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient * ctx.of_gates, None, None


def no_sample(alpha: Tensor, name: str) -> Sample:
    """Raises TypeError: the gates are no samples."""
    raise TypeError("this relaxation has gates, and no samples with a probability")


def no_more(number: int) -> Batch:
    """Raises TypeError: there is one batch."""
    raise TypeError("this update has one validation batch")


@dataclass(frozen=True)
class UpdateContext:
    """What one update of alpha may look at: the supernet, a scratch copy, batches, and the bill."""

    model: FlatModel
    scratch: FlatModel
    momentum: Tensor
    """The supernet's momentum buffer (P,); read only."""
    gates: Callable[[Tensor, str], Tensor]
    """alpha (d,) and the name of a forward -> gates (rows, widest). What they draw is equal for equal names."""
    training: Training
    lr: float
    train: Batch
    """The batch of the weight step that this update belongs to."""
    valid: Batch
    batches: Callable[[str, int], Batches]
    """A stream of batches of the training half, by its name and the number of images in a batch."""
    update: int
    """How many updates of alpha there were before this one."""
    draw: Callable[[str], Generator]
    """The randomness of noise operations, by the name of a forward; equal for all candidates."""
    cost: Cost
    objective: OfAlpha = cross_entropy_alone
    """What the method makes of the cross-entropy on alpha's images. The loss that weights descend is not its affair."""
    sample: Callable[[Tensor, str], Sample] = no_sample
    """The same as `gates`, of a policy: with the probability of what is drawn."""
    valid_batches: Callable[[int], Batch] = no_more
    """Batches like `valid` by their numbers, for updates that read several."""
    carried: dict[str, float] = field(default_factory=dict)
    """What the lookahead carries from one update to the next; it may change it, as it does the cost."""
    epoch: int = 0
    """Of the search."""

    def weight_gradient(self, model: FlatModel, alpha: Tensor, batch: Batch, name: str) -> Tensor:
        """The gradient of the cross-entropy of a batch, in train mode: d loss / d weights (P,), in `model.gradient`."""
        model.run(batch, self.gates(alpha, name), self.draw(name), of_weights=True)
        self.cost.spend(forwards=1, backwards=1, images=len(batch[1]))
        return model.gradient

    def alpha_gradient(self, model: FlatModel, alpha: Tensor, batch: Batch, name: str) -> Tensor:
        """The gradient of the cross-entropy of a batch, d loss / d alpha (d,)."""
        return self._gradient(model, alpha, batch, name, False, cross_entropy_alone)

    def validation_gradient(self, model: FlatModel, alpha: Tensor, of_weights: bool = False) -> Tensor:
        """dL_val / dalpha (d,) of the objective, and where it is asked for that in the weights from the same pass, in
        `model.gradient`."""
        return self._gradient(model, alpha, self.valid, "valid", of_weights, self.objective)

    def _gradient(
        self, model: FlatModel, alpha: Tensor, batch: Batch, name: str, of_weights: bool, objective: OfAlpha
    ) -> Tensor:
        alpha = alpha.detach().requires_grad_()
        gates = self.gates(alpha, name)
        passed = model.run(batch, gates, self.draw(name), of_weights=of_weights, of_gates=True)
        self.cost.spend(forwards=1, backwards=1, images=len(batch[1]))
        loss = _OfGates.apply(gates, passed.loss, passed.of_gates)
        gradient, slope = torch.autograd.grad(objective(loss, alpha, gates), [alpha, loss])
        if of_weights:
            model.gradient.mul_(slope)
        return gradient

    def on_scratch(self) -> FlatModel:
        """The scratch copy, equal to the supernet."""
        self.scratch.copy_from(self.model)
        return self.scratch

    def validation_loss(self, model: FlatModel, alpha: Tensor) -> Tensor:
        """The objective at alpha, a scalar without a graph."""
        self.cost.spend(forwards=1, backwards=0, images=len(self.valid[1]))
        gates = self.gates(alpha, "valid")
        loss = model.run(self.valid, gates, self.draw("valid")).loss
        return self.objective(loss, alpha, gates).detach()


class Lookahead(Protocol):
    def oracle(self, context: UpdateContext) -> Oracle: ...
