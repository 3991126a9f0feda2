"""DARTS' first order: the weights stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.core.types import Oracle
from methods.lookaheads.lookahead import Bench


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
