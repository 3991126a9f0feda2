"""Lookaheads: what stands for w*(alpha), the weights that the validation loss of an alpha is taken at.

    FirstOrder   w*(alpha) = w                                       DARTS, first order
    Unrolled     w*(alpha) = w after one SGD step                    DARTS, second order
    FineTuned    w*(alpha) = w after M SGD steps with that alpha     ZARTS

Each makes the oracle of one update of alpha. The losses are taken in train mode, with batch statistics, on one
validation batch that all candidates share. Candidates live on a scratch copy: the supernet's weights, momentum and
batch-norm statistics are never written, except that the gradients of DARTS run on the supernet itself, whose running
statistics then move as they do in its code (they matter to validation in eval mode only).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from harness.core.types import Cost, Oracle
from methods.training.batches import Batch, Batches
from methods.search.parallel import in_parallel, kept_for_backward
from methods.training.weights import FlatModel, Training


@dataclass(frozen=True)
class Bench:
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

    def weight_gradient(self, model: FlatModel, alpha: Tensor, batch: Batch, name: str) -> Tensor:
        """The gradient of the cross-entropy of a batch, in train mode: d loss / d weights (P,), in `model.gradient`."""
        model.run(batch, self.gates(alpha, name), self.draw(name), of_weights=True)
        self.cost.spend(forwards=1, backwards=1, images=len(batch[1]))
        return model.gradient

    def alpha_gradient(
        self, model: FlatModel, alpha: Tensor, batch: Batch, name: str, of_weights: bool = False
    ) -> Tensor:
        """d loss / d alpha (d,), and where it is asked for the gradient of the weights from the same pass."""
        alpha = alpha.detach().requires_grad_()
        gates = self.gates(alpha, name)
        passed = model.run(batch, gates, self.draw(name), of_weights=of_weights, of_gates=True)
        self.cost.spend(forwards=1, backwards=1, images=len(batch[1]))
        (gradient,) = torch.autograd.grad(gates, alpha, passed.of_gates)
        return gradient

    def on_scratch(self) -> FlatModel:
        """The scratch copy, equal to the supernet."""
        self.scratch.copy_from(self.model)
        return self.scratch

    def validation_loss(self, model: FlatModel, alpha: Tensor) -> Tensor:
        """L_val at alpha, a scalar without a graph."""
        self.cost.spend(forwards=1, backwards=0, images=len(self.valid[1]))
        return model.run(self.valid, self.gates(alpha, "valid"), self.draw("valid")).loss


class Lookahead(Protocol):
    def oracle(self, bench: Bench) -> Oracle: ...


@dataclass(frozen=True)
class FirstOrder:
    """L_val(w, alpha): the weights stay as they are (DARTS, section 2.3)."""

    def oracle(self, bench: Bench) -> Oracle:
        return FirstOrderOracle(bench)


@dataclass(frozen=True)
class FirstOrderOracle:
    bench: Bench

    def gradient(self, alpha: Tensor) -> Tensor:
        return self.bench.alpha_gradient(self.bench.model, alpha, self.bench.valid, "valid")

    def losses(self, alphas: Tensor) -> Tensor:
        scratch = self.bench.on_scratch()
        return torch.stack([self.bench.validation_loss(scratch, alpha) for alpha in alphas])


@dataclass(frozen=True)
class Unrolled:
    """L_val(w', alpha) with w' one SGD step from w (DARTS architect.py:20-91; ZARTS supplement 1.1).

    The step has momentum and weight decay, as in all code, and no clipping; the mixed derivative is a central
    difference.
    """

    difference: float = setting(0.01, "DARTS architect.py; epsilon = this / norm of dL_val/dw'", minimum=1e-12)

    def oracle(self, bench: Bench) -> Oracle:
        return UnrolledOracle(bench, self.difference)


@dataclass(frozen=True)
class UnrolledOracle:
    bench: Bench
    difference: float

    def gradient(self, alpha: Tensor) -> Tensor:
        """g - lr h: g = dL_val/dalpha at w', h = the mixed derivative of L_train times v = dL_val/dw'."""
        bench = self.bench
        unrolled = self._unroll(bench.model, alpha)
        direct, v = self._validation_gradients(unrolled, alpha)
        h = self._hessian_vector(alpha, v)
        return direct - bench.lr * h

    def losses(self, alphas: Tensor) -> Tensor:
        bench = self.bench
        return torch.stack([bench.validation_loss(self._unroll(bench.on_scratch(), alpha), alpha) for alpha in alphas])

    def _unroll(self, at: FlatModel, alpha: Tensor) -> FlatModel:
        """The scratch copy at w' = w - lr (mu m + dL_train/dw + decay w); the training forward runs on `at`."""
        bench, training = self.bench, self.bench.training
        gradient = bench.weight_gradient(at, alpha, bench.train, "train")
        scratch = bench.on_scratch() if at is bench.model else at
        direction = training.momentum * bench.momentum + gradient + training.weight_decay * scratch.weights
        scratch.weights.sub_(direction, alpha=bench.lr)
        return scratch

    def _validation_gradients(self, unrolled: FlatModel, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """dL_val/dalpha (d,) and dL_val/dw' (P,) from one pass."""
        direct = self.bench.alpha_gradient(unrolled, alpha, self.bench.valid, "valid", of_weights=True)
        return direct, unrolled.gradient.clone()

    def _hessian_vector(self, alpha: Tensor, v: Tensor) -> Tensor:
        """[dL_train/dalpha at w + eps v, minus the same at w - eps v] / (2 eps); w itself is left as it was."""
        model = self.bench.model
        epsilon = self.difference / v.norm()
        kept = model.weights.clone()
        gradients = []
        for sign in (1, -1):
            torch.addcmul(kept, v, epsilon, value=sign, out=model.weights)
            gradients.append(self.bench.alpha_gradient(model, alpha, self.bench.train, "train"))
        model.weights.copy_(kept)
        return (gradients[0] - gradients[1]) / (2 * epsilon)


@dataclass(frozen=True)
class FineTuned:
    """L_val(w_M, alpha) with w_M the weights after M SGD steps on L_train at this alpha (ZARTS, Algorithm 1).

    The M batches come from the training half and are drawn once per update: all candidates share them.
    """

    finetune_steps: int = setting(10, "M, ZARTS supplement 2.2", minimum=0)
    finetune_batch: int = setting(64, "open in the paper (48 in train_search.py:158); the weights' batch", minimum=2)
    finetune_lr: float = setting(
        0.0, "open in the paper (0.001 in its landscape scripts); 0 stands for the current lr of the weights", minimum=0
    )
    finetune_momentum: str = setting(
        "copied", "open in the paper; copied: the supernet's buffer, fresh: zeros", choices=("copied", "fresh")
    )
    finetune: str = setting(
        "faithful",
        "faithful: paper, Algorithm 1; released: train_search.py:373-375 steps the wrong optimiser, so that every "
        "candidate is scored at w. With torch 2 its M steps change nothing, and they are not run",
        choices=("faithful", "released"),
    )

    def oracle(self, bench: Bench) -> Oracle:
        return FineTunedOracle(bench, self)


@dataclass(frozen=True)
class FineTunedOracle:
    bench: Bench
    settings: FineTuned

    def gradient(self, alpha: Tensor) -> Tensor:
        """The first-order gradient at the current weights (supplement, Eq. 8), on the scratch copy."""
        return self.bench.alpha_gradient(self.bench.on_scratch(), alpha, self.bench.valid, "valid")

    def losses(self, alphas: Tensor) -> Tensor:
        batches, bench = self._batches(), self.bench

        def score(scratch: FlatModel, alpha: Tensor) -> tuple[Tensor, Cost]:
            own = replace(bench, scratch=scratch, cost=Cost())
            return replace(self, bench=own)._loss(alpha, batches), own.cost

        scored = in_parallel(score, bench.scratch, alphas, lambda: self._activations(alphas[0]))
        for _, cost in scored:
            bench.cost.finetune_steps += cost.finetune_steps
            bench.cost.spend(cost.forwards, cost.backwards, cost.images)
        return torch.stack([loss for loss, _ in scored])

    def _activations(self, alpha: Tensor) -> int:
        """Bytes that the backward of one fine-tuning step needs kept, from a step with two images."""
        images, labels = self.bench.valid
        bench = replace(self.bench, cost=Cost())
        few = images[:2], labels[:2]
        kept = kept_for_backward(lambda: bench.weight_gradient(bench.on_scratch(), alpha, few, "valid"))
        return kept * max(1, self.settings.finetune_batch // 2)

    def _batches(self) -> list[Batch]:
        """The batches of this update, the same for all candidates."""
        steps = self.settings.finetune_steps if self.settings.finetune == "faithful" else 0
        stream = self.bench.batches("finetune", self.settings.finetune_batch)
        return [stream.at(self.bench.update * steps + i) for i in range(steps)]

    def _loss(self, alpha: Tensor, batches: list[Batch]) -> Tensor:
        bench, scratch = self.bench, self.bench.on_scratch()
        copied = self.settings.finetune_momentum == "copied"
        momentum = bench.momentum.clone() if copied else torch.zeros_like(bench.momentum)
        lr = self.settings.finetune_lr or bench.lr
        for i, batch in enumerate(batches):
            gradient = bench.weight_gradient(scratch, alpha, batch, f"finetune-{i}")
            bench.training.step(scratch.weights, momentum, gradient, lr)
            bench.cost.finetune_steps += 1
        return bench.validation_loss(scratch, alpha)
