"""The exact LASSO: its optimality conditions at the sizes of sparse codes, and a search through all supports."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from methods.relaxations.lasso import kkt_residual, lasso

PENALTY = 1e-5


def objective(matrix, target, penalty, x):
    return 0.5 * np.square(matrix @ x - target).sum() + penalty * np.abs(x).sum()


def enumerated(matrix, target, penalty):
    """The best of the stationary points of all supports and signs."""
    best, size = np.zeros(matrix.shape[1]), matrix.shape[1]
    for signs in itertools.product((-1.0, 0.0, 1.0), repeat=size):
        chosen = np.flatnonzero(signs)
        if 0 < len(chosen) <= len(matrix):
            columns, wanted = matrix[:, chosen], np.array(signs)[chosen]
            x = np.zeros(size)
            x[chosen] = np.linalg.solve(columns.T @ columns, columns.T @ target - penalty * wanted)
            if (np.sign(x) == signs).all() and objective(matrix, target, penalty, x) < objective(
                matrix, target, penalty, best
            ):
                best = x
    return best


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("size", [2, 4, 14, 21, 28, 35])
def test_the_conditions_of_the_minimum_hold(size, scale):
    draw = np.random.default_rng(size)
    for _ in range(25):
        matrix, target = draw.random((7, size)), scale * draw.standard_normal(7)
        x = lasso(matrix, target, PENALTY)
        assert kkt_residual(matrix, target, PENALTY, x) < 1e-12 * scale
        assert 0 < np.count_nonzero(x) <= 7
        other = x + 1e-6 * scale * draw.standard_normal(size)
        assert kkt_residual(matrix, target, PENALTY, other) > 1e-8 * scale
        assert objective(matrix, target, PENALTY, x) < objective(matrix, target, PENALTY, other)


@pytest.mark.parametrize("penalty", [1e-5, 0.1, 1.0])
def test_it_is_the_best_of_all_supports_and_signs(penalty):
    draw, sizes = np.random.default_rng(0), set()
    for _ in range(20):
        matrix, target = draw.random((3, 5)), draw.standard_normal(3)
        x = lasso(matrix, target, penalty)
        np.testing.assert_allclose(x, enumerated(matrix, target, penalty), atol=1e-10)
        sizes.add(np.count_nonzero(x))
    assert len(sizes) > 1 or penalty == 1e-5


def test_by_hand_on_an_orthonormal_matrix_it_shrinks():
    target = np.array([0.5, -0.2, 0.05, 0.0])
    np.testing.assert_allclose(lasso(np.eye(4), target, 0.1), [0.4, -0.1, 0.0, 0.0], atol=1e-15)
    assert kkt_residual(np.eye(4), target, 0.1, np.array([0.4, 0.0, 0.0, 0.0])) == pytest.approx(0.1)
    assert kkt_residual(np.eye(4), target, 0.1, np.array([0.5, -0.1, 0.0, 0.0])) == pytest.approx(0.1)


def test_nothing_is_worth_a_large_penalty_and_nothing_has_no_code():
    matrix = np.random.default_rng(0).random((7, 14))
    for target in (np.zeros(7), np.full(7, 1e-7), np.full(7, 5e-324)):
        assert not lasso(matrix, target, PENALTY).any()
