"""DARTS' first order: the weights stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.core.types import Oracle
from methods.lookaheads.lookahead import UpdateContext


@dataclass(frozen=True)
class FirstOrder:
    """L_val(w, alpha): the weights stay as they are (DARTS, section 2.3)."""

    def oracle(self, context: UpdateContext) -> Oracle:
        return FirstOrderOracle(context)


@dataclass(frozen=True)
class FirstOrderOracle:
    context: UpdateContext

    def gradient(self, alpha: Tensor) -> Tensor:
        return self.context.validation_gradient(self.context.model, alpha)

    def losses(self, alphas: Tensor) -> Tensor:
        scratch = self.context.on_scratch()
        return torch.stack([self.context.validation_loss(scratch, alpha) for alpha in alphas])
