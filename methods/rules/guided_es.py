"""Guided evolution strategies: samples that lean towards the first-order gradient, without trusting it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.estimating import central_gradient, of_descent
from methods.rules.rule import Draw, Memory, Move, normal
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class GuidedES:
    """u* = -eta beta / (2 sigma^2 N) sum_i [L(alpha + e_i) - L(alpha - e_i)] e_i with e_i ~ N(0, sigma^2 S) and
    S = a/d I + (1-a) v v', v the first-order gradient at alpha, of length 1.

    Maheswaranathan et al., ICML 2019, Algorithm 1, with a subspace of one dimension, as in
    brain-research/guided-evolutionary-strategies Guided_Evolutionary_Strategies_Demo.ipynb; there, as here, eta is the
    rate of plain gradient descent."""

    together: ClassVar[bool] = True
    samples: int = setting(4, "N pairs; as many as ZARTS has candidates (choice; 1 in the demo)", minimum=1)
    guided_sigma: float = setting(0.1, "the demo; about how far a sample is", minimum=1e-12)
    guided_beta: float = setting(2.0, "the demo", minimum=0)
    guided_alpha: float = setting(0.5, "a, the demo; 1 takes no notice of the gradient", minimum=0, maximum=1)
    guided_lr: float = setting(0.2, "eta, the demo", minimum=0)

    def start(self, alpha: Tensor) -> Memory:
        return {}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        guide = oracle.gradient(alpha)
        noise = self.noise(guide, draw)
        mean, losses = central_gradient(oracle, alpha, noise)
        gradient = self.guided_beta / self.guided_sigma**2 * mean
        step = -self.guided_lr * gradient
        return Move(alpha + step, {}, {**of_descent(step, gradient, losses), "guide_norm": guide.norm(dim=-1)})

    def noise(self, guide: Tensor, draw: Draw) -> Tensor:
        """The samples e_i (..., N, d). A guide (..., d) of zeros, or one that is not finite, guides nowhere."""
        everywhere, along = normal(draw, self.samples, guide), normal(draw, self.samples, guide[..., :1])
        direction = (guide / guide.norm(dim=-1, keepdim=True)).nan_to_num(0.0, 0.0, 0.0)[..., None, :]
        mixed = math.sqrt(self.guided_alpha / guide.shape[-1]) * everywhere
        return self.guided_sigma * (mixed + math.sqrt(1 - self.guided_alpha) * along * direction)
