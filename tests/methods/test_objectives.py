"""Objectives: their values and gradients by hand."""

from __future__ import annotations

import math

import pytest
import torch
from toy import space_of

from methods.objectives.beta_decay import BetaDecay
from methods.objectives.objective import CrossEntropy, Point
from methods.objectives.zero_one import ZeroOne
from methods.relaxations.sigmoid import Sigmoid
from methods.schedules.clock import Clock

SPACE = space_of((3, 2))
ALPHA = torch.tensor([0.5, -1.0, 2.0, 0.0, 3.0], dtype=torch.float64)
CLOCK = Clock(2, 5, 0)


def term_and_gradient(objective, clock=CLOCK):
    alpha = ALPHA.clone().requires_grad_()
    gates = Sigmoid().gates(alpha, SPACE, clock, torch.Generator())
    term = objective.term(Point(alpha, gates, SPACE, Sigmoid(), clock))
    return term.item(), torch.autograd.grad(term, alpha)[0].tolist()


def test_the_zero_one_loss_by_hand():
    gates = [1 / (1 + math.exp(-a)) for a in ALPHA.tolist()]
    value, gradient = term_and_gradient(ZeroOne(7.0))
    assert value == pytest.approx(-7 * sum((g - 0.5) ** 2 for g in gates) / 5, rel=1e-12)
    assert gradient == pytest.approx([-7 * 2 * (g - 0.5) * g * (1 - g) / 5 for g in gates], rel=1e-12)


def test_beta_decay_by_hand():
    """At epoch 2 of 5, half of the way from 1 to 3."""
    rows = ALPHA.tolist()[:3], ALPHA.tolist()[3:]
    sums = [sum(map(math.exp, row)) for row in rows]
    value, gradient = term_and_gradient(BetaDecay(1.0, 3.0))
    assert value == pytest.approx(2 * (math.log(sums[0]) + math.log(sums[1])) / 2, rel=1e-12)
    expected = [math.exp(a) / total for row, total in zip(rows, sums, strict=True) for a in row]
    assert gradient == pytest.approx(expected, rel=1e-12)
    assert term_and_gradient(BetaDecay(), Clock(0, 5, 0))[0] == 0


def test_the_cross_entropy_alone_adds_nothing():
    assert CrossEntropy().term(Point(ALPHA, ALPHA, SPACE, Sigmoid(), CLOCK)) is None
