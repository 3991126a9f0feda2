"""Extreme eigenvalues of an operator; that of a real loss is in tests/harness/test_analysis.py and test_stopping.py."""

from __future__ import annotations

import pytest
import torch

from methods.search.curvature import extreme


def test_extremes_are_the_eigenvalues_of_a_matrix() -> None:
    draw = torch.Generator().manual_seed(0)
    half = torch.randn(40, 40, generator=draw, dtype=torch.float64)
    matrix = half + half.T
    values = torch.linalg.eigvalsh(matrix)
    start = torch.randn(40, generator=draw, dtype=torch.float64)
    found = [extreme(lambda vector: matrix @ vector, start, largest) for largest in (False, True)]
    assert found == pytest.approx([float(values[0]), float(values[-1])], rel=1e-3)
