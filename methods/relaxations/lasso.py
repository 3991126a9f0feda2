"""The LASSO of a small dense matrix, exactly: iterations that stop early have other coefficients as their largest."""

from __future__ import annotations

import numpy as np


def lasso(matrix: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    """argmin over x of |A x - b|^2 / 2 + penalty |x|_1, for the matrix A (m, n), the target b (m,) and a positive
    penalty: (n,), float64, exactly 0 where it is 0.

    The residual u = b - A x is the point nearest to b of the polytope |A^T u| <= penalty, and x the multipliers of its
    faces. That is a least-distance problem, which non-negative least squares solve in finitely many steps (Lawson &
    Hanson, Solving Least Squares Problems, 1974, chapter 23). Raises RuntimeError if these are too many.
    """
    from scipy.optimize import nnls  # takes long to import, and whoever lists the relaxations imports this file

    if np.abs(matrix.T @ target).max(initial=0.0) <= penalty:
        return np.zeros(matrix.shape[1])
    scale = np.abs(target).max()
    faces = np.vstack([matrix.T, -matrix.T])
    beyond = faces @ (target / scale) - penalty / scale  # how far b lies outside of each face
    system = np.vstack([-faces.T, beyond])
    wanted = np.zeros(len(system))
    wanted[-1] = 1.0
    found, _ = nnls(system, wanted)
    multipliers = scale * found / (wanted - system @ found)[-1]
    positive, negative = np.split(multipliers, 2)
    return positive - negative


def kkt_residual(matrix: np.ndarray, target: np.ndarray, penalty: float, x: np.ndarray) -> float:
    """By how much x (n,) misses the conditions that hold at the minimum and nowhere else: A^T (b - A x) is
    penalty * sign(x) where x is not 0, and no larger than the penalty elsewhere. The most of the n."""
    correlation = matrix.T @ (target - matrix @ x)
    misses = np.where(x == 0, np.abs(correlation) - penalty, np.abs(correlation - penalty * np.sign(x)))
    return float(misses.max(initial=0.0))
