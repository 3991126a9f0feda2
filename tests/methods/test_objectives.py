"""Objectives: their values and gradients by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from toy import space_of

from harness.core.errors import HarnessError
from methods.composition import Composition
from methods.families import resolve
from methods.objectives.beta_decay import BetaDecay
from methods.objectives.dirichlet_kl import DirichletKL
from methods.objectives.objective import CrossEntropy, Point
from methods.objectives.path_depth import PathDepth
from methods.objectives.resource import Resource
from methods.objectives.zero_one import ZeroOne
from methods.relaxations.concrete import Concrete
from methods.relaxations.dirichlet import Dirichlet
from methods.relaxations.hard_concrete import HardConcrete
from methods.relaxations.sigmoid import Sigmoid
from methods.relaxations.sparse_code import SparseCode
from methods.schedules.clock import Clock
from spaces import SPACES
from spaces.cells import Edge

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


def benchmark_of(*rows):
    """A cell of edges with these operations, one into each node."""
    edges = tuple(Edge(0, target, row) for target, row in enumerate(rows, start=1))
    return replace(SPACES["nasbench201"], cells={"cell": edges})


def test_the_resource_term_by_hand():
    """Three costs of a 3x3 convolution with a bias on 16 channels of 32 x 32, of an average pool, and of nothing."""
    space = benchmark_of(("none", "nor_conv_3x3", "avg_pool_3x3"), ("nor_conv_3x3", "skip_connect"), ("none",))
    kernel, state = 16 * 16 * 9, 16 * 32 * 32
    convolution, pool = (kernel + 16, kernel * 1024, kernel + 2 * state), (0, 0, 2 * state)
    alpha = torch.tensor([0.5, -1.0, 2.0, 0.0, 3.0, 0.7], dtype=torch.float64, requires_grad=True)
    gates = Concrete().gates(alpha, space, CLOCK, torch.Generator().manual_seed(0))
    gates.retain_grad()
    term = Resource(0.3).term(Point(alpha, gates, space, Concrete(), CLOCK))
    costs = [[(0, 0, 0), convolution, pool], [convolution, (0, 0, 0)], [(0, 0, 0)]]
    expected, slopes = 0.0, [[0.0] * 3 for _ in costs]
    for row, own in enumerate(costs):
        for number in range(3):
            mean = sum(gates[row, column].item() * cost[number] for column, cost in enumerate(own))
            expected += 0.3 * math.log(1 + mean) / 3
            for column, cost in enumerate(own):
                slopes[row][column] += 0.3 * cost[number] / (1 + mean) / 3
    assert term.item() == pytest.approx(expected, rel=1e-12)
    term.backward()
    for found, slope in zip(gates.grad.tolist(), slopes, strict=True):
        assert found == pytest.approx(slope, rel=1e-12)
    assert alpha.grad.isfinite().all()
    assert alpha.grad[:5].abs().min() > 0


def test_resources_are_free_at_a_weight_of_0():
    assert Resource().term(Point(ALPHA, ALPHA, SPACE, Concrete(), CLOCK)) is None


def test_what_costs_nothing_has_no_term_and_a_finite_gradient():
    space = benchmark_of(("none", "skip_connect"))
    gates = torch.full((1, 2), 0.5, dtype=torch.float64, requires_grad=True)
    term = Resource(1.0).term(Point(ALPHA, gates, space, Concrete(), CLOCK))
    assert term.item() == 0
    assert torch.autograd.grad(term, gates)[0].tolist() == [[0.0, 0.0]]


S3, SK, MP, NO = "sep_conv_3x3", "skip_connect", "max_pool_3x3", "noise"
PATH_CELLS = {
    "normal": (
        Edge(0, 2, ("none", S3, SK)),
        Edge(1, 2, (S3, "dil_conv_3x3", SK)),
        Edge(1, 3, (MP, NO)),
        Edge(2, 3, (SK, S3)),
    ),
    "reduce": (Edge(0, 2, (MP, SK, S3)), Edge(1, 2, ("none", SK)), Edge(2, 3, (S3, MP))),
}
PATH_SPACE = replace(SPACES["darts"], cells=PATH_CELLS)
PATH_ALPHA = torch.randn(17, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def path_gates(*active):
    """1 at these (row, column)s."""
    gates = torch.zeros(7, 3, dtype=torch.float64)
    for row, column in active:
        gates[row, column] = 1.0
    return gates


def path_term(objective, gates, alpha=PATH_ALPHA):
    return objective.term(Point(alpha, gates, PATH_SPACE, HardConcrete(), CLOCK))


def test_the_path_depth_term_by_hand():
    """Edges 1 and 3 of the normal cell, 5 and 6 of the reduction cell, lie on the path from the last input; `none` is
    no convolution of it. The reduction cell has no pool that was sampled, and edge 5 no convolution."""
    active = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1), (4, 1), (4, 2), (5, 0), (5, 1), (6, 0)]
    gates, temperature = path_gates(*active), 0.55
    p, start = {}, 0
    for row, edge in enumerate(PATH_SPACE.edges):
        for column in range(len(edge.operations)):
            shifted = PATH_ALPHA[start + column].item() - temperature * math.log(0.1 / 1.1)
            p[row, column] = 1 / (1 + math.exp(-shifted))
        start += len(edge.operations)

    def mean(*some):
        return sum(p[one] for one in some) / len(some)

    skip = (mean((3, 0)) + mean((4, 1), (5, 1))) / 2
    convolution = (mean((0, 0), (0, 1), (1, 0), (1, 1), (3, 1)) + mean((4, 2), (5, 0), (6, 0))) / 2
    pool = (mean((2, 0), (2, 1)) + 0) / 2
    depth = (mean((1, 0), (1, 1)) * mean((3, 1)) + mean((6, 0))) / 2
    expected = 0.1 * (skip - 0.25) + 0.2 * (convolution - 0.25 + pool - 0.25) - 0.3 * depth
    assert min(skip, convolution, pool) > 0.25
    assert path_term(PathDepth(0.1, 0.2, 0.3, 0.25), gates).item() == pytest.approx(expected, rel=1e-12)
    assert path_term(PathDepth(0.1, 0.2, 0.3, 0.99), gates).item() == pytest.approx(-0.3 * depth, rel=1e-12)


@pytest.mark.parametrize("hinge", [0.1, 0.6])
def test_the_path_depth_gradient_is_a_finite_difference(hinge):
    gates, objective = (
        path_gates((0, 1), (1, 0), (1, 2), (2, 1), (3, 1), (4, 0), (5, 1), (6, 0)),
        PathDepth(hinge=hinge),
    )
    alpha, step = PATH_ALPHA.clone().requires_grad_(), 1e-6
    (gradient,) = torch.autograd.grad(path_term(objective, gates, alpha), alpha)
    for entry, one in enumerate(torch.eye(17, dtype=torch.float64)):
        plus, minus = (path_term(objective, gates, PATH_ALPHA + sign * step * one).item() for sign in (1, -1))
        assert gradient[entry].item() == pytest.approx((plus - minus) / (2 * step), abs=1e-9)
    assert gradient.abs().max() > 1e-4


def test_a_cell_without_a_convolution_has_no_path():
    assert path_term(PathDepth(0.0, 0.0, 1.0, 0.2), path_gates((0, 1), (1, 2), (4, 2), (5, 0))).item() == 0


@pytest.mark.parametrize("space", ["darts", "darts-none", "s1", "s2", "s4", "nasbench201"])
def test_the_path_depth_term_is_finite_wherever_groups_are_missing(space):
    space = SPACES[space]
    alpha = torch.zeros(space.dimension, dtype=torch.float64, requires_grad=True)
    gates = HardConcrete().gates(alpha, space, CLOCK, torch.Generator().manual_seed(0))
    term = PathDepth().term(Point(alpha, gates, space, HardConcrete(), CLOCK))
    assert term.isfinite()
    assert torch.autograd.grad(term, alpha)[0].isfinite().all()


def test_the_dirichlet_divergence_is_that_of_torch():
    alpha = ALPHA.clone().requires_grad_()
    term = DirichletKL(0.7).term(Point(alpha, ALPHA, SPACE, Dirichlet(), CLOCK))
    theirs = torch.zeros((), dtype=torch.float64)
    for own in (torch.nn.functional.elu(alpha) + 1).split((3, 2)):
        distributions = [torch.distributions.Dirichlet(b) for b in (own, torch.ones_like(own))]
        theirs = theirs + 0.7 * torch.distributions.kl_divergence(*distributions)
    torch.testing.assert_close(term, theirs, rtol=1e-12, atol=0)
    torch.testing.assert_close(*(torch.autograd.grad(loss, alpha)[0] for loss in (term, theirs)), rtol=1e-9, atol=1e-12)
    uniform = torch.zeros(5, dtype=torch.float64)
    assert DirichletKL().term(Point(uniform, uniform, SPACE, Dirichlet(), CLOCK)).item() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(("objective", "needed"), [("path-depth", "hard-concrete"), ("dirichlet-kl", "dirichlet")])
def test_a_term_that_the_relaxation_cannot_make_is_refused(objective, needed):
    parts = {"rule": "adam", "lookahead": "first-order", "objective": objective}
    with pytest.raises(HarnessError, match=f"{objective} objective needs .* Softmax .* the {needed} relaxation does"):
        resolve(Composition("", "", **parts), SPACES["s1"])
    assert resolve(Composition("", "", **parts, relaxation=needed), SPACES["s1"])


def test_beta_decay_needs_logits_of_operations():
    BetaDecay().check(Sigmoid())
    with pytest.raises(HarnessError, match="needs a logit for every operation; SparseCode has others"):
        BetaDecay().check(SparseCode())
