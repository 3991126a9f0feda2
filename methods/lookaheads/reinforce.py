"""REINFORCE: alpha's gradient from what sampled sub-networks are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.lookaheads.baseline import Baseline
from methods.lookaheads.lookahead import UpdateContext
from methods.relaxations.policy import Sample
from methods.training.batches import Batch


@dataclass(frozen=True)
class Reinforce:
    """-E[R] at the current weights, over the sub-networks that alpha's relaxation samples: the score-function estimate
    of its gradient is the mean of -(R - b) d log p / d alpha over so many samples (ENAS, Pham et al., ICML 2018,
    section 2.2; ProxylessNAS, Cai et al., ICLR 2019, section 3.3.2).

    A reward R is the accuracy, from 0 to 1, on one validation batch, with the batch's statistics, plus a weight times
    the entropy of the decisions, which is a number here: no gradient flows into it (choice: ENAS stops it; NAS-Bench-
    201's code does not). It loses what the objective makes of the error, which stands for the cross-entropy here,
    beyond the error itself; that has its own gradient besides. The samples run on the scratch copy, so that the
    supernet's running statistics stay (choice).

    All three codes move the baseline b before a reward is compared with it, so that an advantage holds a share `decay`
    of the difference. ProxylessNAS' b + 0.99 (mean - b) is a decay of 0.01.
    """

    samples_per_update: int = setting(
        10, "ENAS scripts/cifar10_micro_search.sh, ProxylessNAS nas_manager.py; 20 on NAS-Bench-201", minimum=1
    )
    entropy_weight: float = setting(1e-4, "ENAS scripts/cifar10_micro_search.sh; ProxylessNAS: 0", minimum=0)
    reward_batch: str = setting(
        "each",
        "each sample has a batch of its own: ENAS micro_controller.py, ENAS.py; shared: ProxylessNAS nas_manager.py",
        choices=("each", "shared"),
    )
    baseline_decay: float = setting(
        0.99, "ENAS src/cifar10/main.py; 0.01 stands for ProxylessNAS'", minimum=0, maximum=1
    )
    baseline_step: str = setting(
        "sample",
        "sample: ENAS; update, of the mean reward: ProxylessNAS; epoch: NAS-Bench-201's ENAS.py, in which every sample "
        "of an epoch has a step from the last epoch's end",
        choices=("sample", "update", "epoch"),
    )
    baseline_begins: str = setting(
        "zero",
        "zero: ENAS; the first reward: ProxylessNAS and ENAS.py, there without the entropy",
        choices=("zero", "reward"),
    )
    baseline_moves: str = setting(
        "before", "the comparison with a reward: all three codes; after: the textbook's", choices=("before", "after")
    )

    def oracle(self, context: UpdateContext) -> Oracle:
        return ReinforceOracle(context, self)

    @property
    def baseline(self) -> Baseline:
        return Baseline(self.baseline_decay, self.baseline_step, self.baseline_begins, self.baseline_moves)


@dataclass(frozen=True)
class ReinforceOracle:
    context: UpdateContext
    settings: Reinforce

    def gradient(self, alpha: Tensor) -> Tensor:
        """The estimate, with the baseline; moves it on."""
        alpha = alpha.detach().clone().requires_grad_()
        samples = self._samples(alpha)
        rewards, added = self._rewards(alpha, samples)
        advantages, carried = self.settings.baseline.compared(rewards, self.context.carried, self.context.epoch)
        self.context.carried.clear()
        self.context.carried.update(carried)
        loss = -sum(
            (advantage * sample.log_probability for advantage, sample in zip(advantages, samples, strict=True)),
            start=alpha.new_zeros(()),
        )
        (gradient,) = torch.autograd.grad((loss + added) / len(samples), alpha)
        return gradient

    def losses(self, alphas: Tensor) -> Tensor:
        """Minus the mean reward of as many samples, of which all candidates have the same draws."""
        return torch.stack([self._loss(alpha) for alpha in alphas])

    @torch.no_grad()
    def _loss(self, alpha: Tensor) -> Tensor:
        rewards, _ = self._rewards(alpha, self._samples(alpha))
        return -alpha.new_tensor(rewards).mean()

    def _samples(self, alpha: Tensor) -> list[Sample]:
        return [self.context.sample(alpha, f"valid/{i}") for i in range(self.settings.samples_per_update)]

    def _rewards(self, alpha: Tensor, samples: Sequence[Sample]) -> tuple[list[float], Tensor]:
        """What each is worth, and the sum of what the objective adds to their errors."""
        accuracies = self._accuracies(samples)
        entropies = torch.stack([sample.entropy.detach() for sample in samples])
        errors = (1 - accuracies).to(alpha)
        made = [self.context.objective(e, alpha, sample.gates) for e, sample in zip(errors, samples, strict=True)]
        added = torch.stack(made) - errors
        worth = accuracies + self.settings.entropy_weight * entropies
        return [reward - cost for reward, cost in zip(worth.tolist(), added.tolist(), strict=True)], added.sum()

    def _accuracies(self, samples: Sequence[Sample]) -> Tensor:
        """(n,) float64"""
        scratch, accuracies = self.context.on_scratch(), []
        for number, sample in enumerate(samples):
            batch = self._batch(number)
            logits = scratch.run(batch, sample.gates, self.context.draw(f"valid/{number}")).logits
            accuracies.append((logits.argmax(dim=1) == batch[1]).double().mean())
            self.context.cost.spend(forwards=1, backwards=0, images=len(batch[1]))
        return torch.stack(accuracies)

    def _batch(self, number: int) -> Batch:
        context, count = self.context, self.settings.samples_per_update
        if self.settings.reward_batch == "shared":
            return context.valid
        return context.valid_batches(context.update * count + number)
