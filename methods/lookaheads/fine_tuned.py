"""ZARTS' lookahead: the weights after M steps of SGD with the candidate's alpha."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Cost, Oracle
from methods.lookaheads.lookahead import Bench
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
