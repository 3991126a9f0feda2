"""DARTS' second order: the weights after one step of SGD."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.lookaheads.lookahead import Bench
from methods.training.weights import FlatModel


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
