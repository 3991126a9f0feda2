"""Derivatives along a direction of the weights, from two passes on either side of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from methods.training.weights import FlatModel


def central_difference(model: FlatModel, along: Tensor, epsilon: Tensor, measure: Callable[[], Tensor]) -> Tensor:
    """[measured at w + epsilon v, minus the same at w - epsilon v] / (2 epsilon) for a direction v (P,) and a scalar
    epsilon > 0. The weights w are left as they were, to the bit; what is measured must be a tensor of its own."""
    kept, measured = model.weights.clone(), []
    for sign in (1, -1):
        torch.addcmul(kept, along, epsilon, value=sign, out=model.weights)
        measured.append(measure())
    model.weights.copy_(kept)
    return (measured[0] - measured[1]) / (2 * epsilon)
