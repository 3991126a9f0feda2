"""How the loss bends in alpha: products with its Hessian, and the extreme eigenvalues that they give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

TOLERANCE = 1e-4
"""Relative; batch norm in float32 gives no more."""


def hessian_product(loss: Callable[[Tensor], Tensor], alpha: Tensor, vector: Tensor) -> Tensor:
    """The Hessian of a scalar function at alpha (d,) times a vector (d,)."""
    alpha = alpha.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(alpha), alpha, create_graph=True)
    (along,) = torch.autograd.grad(gradient, alpha, vector)
    return along


def extreme(apply: Callable[[Tensor], Tensor], start: Tensor, largest: bool) -> float:
    """The largest or the smallest eigenvalue of a symmetric operator on (d,), d > 2, by Lanczos iteration. Raises
    scipy.sparse.linalg.ArpackError where that does not converge."""
    from scipy.sparse.linalg import LinearOperator, eigsh  # few searches ask, and all would wait for its import

    def multiply(vector: np.ndarray) -> np.ndarray:
        return apply(torch.from_numpy(np.ascontiguousarray(vector.reshape(-1))).to(start)).double().cpu().numpy()

    size = start.numel()
    operator = LinearOperator((size, size), matvec=multiply, dtype=np.float64)
    first, end = start.double().cpu().numpy(), "LA" if largest else "SA"
    return float(eigsh(operator, 1, which=end, v0=first, tol=TOLERANCE, return_eigenvectors=False)[0])
