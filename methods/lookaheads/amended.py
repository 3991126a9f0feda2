"""Amended-DARTS: the gradient at the current weights, and what the weights' own answer to alpha adds to it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.lookaheads.central_difference import central_difference
from methods.lookaheads.first_order import FirstOrderOracle
from methods.lookaheads.lookahead import UpdateContext

SMALLEST_NORM = 1e-8
"""Of a direction that is divided by its norm, so that a direction of zeros gives zeros (choice)."""


@dataclass(frozen=True)
class Amended:
    """dL_val/dalpha - eta c at the current weights w, c = (d^2 L_train / dalpha dw) (d^2 L_train / dw^2) (dL_val/dw):
    eta times the Hessian stands for its inverse in the gradient of L_val(w*(alpha), alpha) (Amended-DARTS, Bi et al.,
    2019).

    Both products are central differences on the batch of the weight step, without weight decay, and cost four passes
    more than the first order. They run on the scratch copy, so that the supernet's running statistics move as they do
    in the first order (choice). Rules that compare losses see those of the first order, L_val(w, alpha): the amendment
    is one of the gradient alone.
    """

    eta: float = setting(0.1, "Amended-DARTS, from memory, unchecked; 0 is the first order", minimum=0)
    difference: float = setting(
        0.01, "Amended-DARTS as DARTS architect.py, from memory, unchecked; epsilon = this / norm", minimum=1e-12
    )

    def oracle(self, context: UpdateContext) -> Oracle:
        return AmendedOracle(context, self)


@dataclass(frozen=True)
class AmendedOracle(FirstOrderOracle):
    settings: Amended

    def gradient(self, alpha: Tensor) -> Tensor:
        context = self.context
        direct = context.validation_gradient(context.model, alpha, of_weights=True)
        return direct - self.settings.eta * self._amendment(alpha, context.model.gradient)

    def _amendment(self, alpha: Tensor, v: Tensor) -> Tensor:
        """c (d,) for v = dL_val/dw (P,)."""
        context, scratch = self.context, self.context.on_scratch()
        u = central_difference(
            scratch,
            v,
            self._epsilon(v),
            lambda: context.weight_gradient(scratch, alpha, context.train, "train").clone(),
        )
        return central_difference(
            scratch, u, self._epsilon(u), lambda: context.alpha_gradient(scratch, alpha, context.train, "train")
        )

    def _epsilon(self, direction: Tensor) -> Tensor:
        return self.settings.difference / direction.norm().clamp(min=SMALLEST_NORM)
