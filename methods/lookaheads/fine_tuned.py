"""ZARTS' lookahead: the weights after M steps of SGD with the candidate's alpha."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Cost, Oracle
from methods.lookaheads.lookahead import UpdateContext
from methods.training.batches import Batch
from methods.training.parallel import in_parallel, kept_for_backward
from methods.training.weights import FlatModel


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

    def oracle(self, context: UpdateContext) -> Oracle:
        return FineTunedOracle(context, self)


@dataclass(frozen=True)
class FineTunedOracle:
    context: UpdateContext
    settings: FineTuned

    def gradient(self, alpha: Tensor) -> Tensor:
        """The first-order gradient at the current weights (supplement, Eq. 8), on the scratch copy."""
        return self.context.validation_gradient(self.context.on_scratch(), alpha)

    def losses(self, alphas: Tensor) -> Tensor:
        batches, context = self._batches(), self.context

        def score(scratch: FlatModel, alpha: Tensor) -> tuple[Tensor, Cost]:
            own = replace(context, scratch=scratch, cost=Cost())
            return replace(self, context=own)._loss(alpha, batches), own.cost

        scored = in_parallel(score, context.scratch, alphas, lambda: self._activations(alphas[0]))
        for _, cost in scored:
            context.cost.finetune_steps += cost.finetune_steps
            context.cost.spend(cost.forwards, cost.backwards, cost.images)
        return torch.stack([loss for loss, _ in scored])

    def _activations(self, alpha: Tensor) -> int:
        """Bytes that the backward of one fine-tuning step needs kept, from a step with two images."""
        images, labels = self.context.valid
        context = replace(self.context, cost=Cost())
        few = images[:2], labels[:2]
        kept = kept_for_backward(lambda: context.weight_gradient(context.on_scratch(), alpha, few, "valid"))
        return kept * max(1, self.settings.finetune_batch // 2)

    def _batches(self) -> list[Batch]:
        """The batches of this update, the same for all candidates."""
        steps = self.settings.finetune_steps if self.settings.finetune == "faithful" else 0
        stream = self.context.batches("finetune", self.settings.finetune_batch)
        return [stream.at(self.context.update * steps + i) for i in range(steps)]

    def _loss(self, alpha: Tensor, batches: list[Batch]) -> Tensor:
        context, scratch = self.context, self.context.on_scratch()
        copied = self.settings.finetune_momentum == "copied"
        momentum = context.momentum.clone() if copied else torch.zeros_like(context.momentum)
        lr = self.settings.finetune_lr or context.lr
        for i, batch in enumerate(batches):
            gradient = context.weight_gradient(scratch, alpha, batch, f"finetune-{i}")
            context.training.step(scratch.weights, momentum, gradient, lr)
            context.cost.finetune_steps += 1
        return context.validation_loss(scratch, alpha)
