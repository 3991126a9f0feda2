"""DARTS' second order: the weights after one step of SGD."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.lookaheads.central_difference import central_difference
from methods.lookaheads.lookahead import UpdateContext
from methods.training.weights import FlatModel


@dataclass(frozen=True)
class Unrolled:
    """L_val(w', alpha) with w' one SGD step from w (DARTS architect.py:20-91; ZARTS supplement 1.1).

    The step has momentum and weight decay, as in all code, and no clipping; the mixed derivative is a central
    difference.
    """

    difference: float = setting(0.01, "DARTS architect.py; epsilon = this / norm of dL_val/dw'", minimum=1e-12)

    def oracle(self, context: UpdateContext) -> Oracle:
        return UnrolledOracle(context, self.difference)


@dataclass(frozen=True)
class UnrolledOracle:
    context: UpdateContext
    difference: float

    def gradient(self, alpha: Tensor) -> Tensor:
        """g - lr h: g = dL_val/dalpha at w', h = the mixed derivative of L_train times v = dL_val/dw'."""
        context = self.context
        unrolled = self._unroll(context.model, alpha)
        direct, v = self._validation_gradients(unrolled, alpha)
        h = self._hessian_vector(alpha, v)
        return direct - context.lr * h

    def losses(self, alphas: Tensor) -> Tensor:
        context = self.context
        return torch.stack(
            [context.validation_loss(self._unroll(context.on_scratch(), alpha), alpha) for alpha in alphas]
        )

    def _unroll(self, at: FlatModel, alpha: Tensor) -> FlatModel:
        """The scratch copy at w' = w - lr (mu m + dL_train/dw + decay w); the training forward runs on `at`."""
        context, training = self.context, self.context.training
        gradient = context.weight_gradient(at, alpha, context.train, "train")
        scratch = context.on_scratch() if at is context.model else at
        direction = training.momentum * context.momentum + gradient + training.weight_decay * scratch.weights
        scratch.weights.sub_(direction, alpha=context.lr)
        return scratch

    def _validation_gradients(self, unrolled: FlatModel, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """dL_val/dalpha (d,) and dL_val/dw' (P,) from one pass."""
        direct = self.context.validation_gradient(unrolled, alpha, of_weights=True)
        return direct, unrolled.gradient.clone()

    def _hessian_vector(self, alpha: Tensor, v: Tensor) -> Tensor:
        """[dL_train/dalpha at w + eps v, minus the same at w - eps v] / (2 eps); w itself is left as it was."""
        context, model = self.context, self.context.model
        epsilon = self.difference / v.norm()
        return central_difference(
            model, v, epsilon, lambda: context.alpha_gradient(model, alpha, context.train, "train")
        )
