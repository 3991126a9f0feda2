"""The zero-order rules on functions where the answer is known: one update by hand, minima reached, what goes wrong."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.rng import generator
from harness.testing.rules import CHECKS
from methods.rules.annealing import Annealing
from methods.rules.cma import CMA, tell
from methods.rules.cma_constants import diagonal, full
from methods.rules.guided_es import GuidedES
from methods.rules.nes import NES, centred_ranks
from methods.rules.spsa import SPSA
from methods.rules.two_point import TwoPoint
from methods.rules.zo_adam import ZOAdam
from methods.rules.zo_sign import ZOSign
from methods.schedules.clock import Clock

CLOCK = Clock(epoch=10, epochs=50, warmup=10)
RULES = (CMA(), SPSA(), NES(), GuidedES(), TwoPoint(), ZOSign(), ZOAdam(), Annealing())
ASKED = {CMA: 11, SPSA: 2, NES: 8, GuidedES: 8, TwoPoint: 2, ZOSign: 5, ZOAdam: 5, Annealing: 2}
"""Losses per update of an alpha of 12; of gradients, one by GuidedES and none by the others."""
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)


class Oracle:
    """A function of rows, with its gradient by autograd; it counts what it is asked."""

    def __init__(self, function):
        self.function, self.evaluated, self.gradients = function, 0, 0

    def losses(self, alphas):
        self.evaluated += len(alphas)
        return self.function(alphas)

    def gradient(self, alpha):
        self.gradients += 1
        alpha = alpha.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.function(alpha[None])[0], alpha)
        return gradient


def bowl(x):
    """|x - 1|^2 with weights from 1/2 to 3/2, over two."""
    return 0.5 * (torch.linspace(0.5, 1.5, x.shape[1], dtype=x.dtype) * (x - 1).square()).sum(dim=1)


def rosenbrock(x):
    """0 at (1, ..., 1), at the end of a bent valley; d - 1 at 0."""
    return (100 * (x[:, 1:] - x[:, :-1].square()).square() + (1 - x[:, :-1]).square()).sum(dim=1)


def zeros(size=12, dtype=torch.float64):
    return torch.zeros(size, dtype=dtype)


def first(rule, oracle, alpha=None, clock=CLOCK, memory=None):
    alpha = zeros() if alpha is None else alpha
    return rule.step(alpha, oracle, rule.start(alpha) if memory is None else memory, clock, generator(0, "test", 0))


def minimise(rule, function, size, evaluations, alpha=None, annealed=False):
    """What the rule comes down to in so many losses; with `annealed` the clock runs meanwhile."""
    oracle = Oracle(function)
    alpha = zeros(size) if alpha is None else alpha
    memory, step = rule.start(alpha), 0
    while oracle.evaluated < evaluations:
        clock = Clock(1000 * oracle.evaluated // evaluations, 1000, 0) if annealed else CLOCK
        alpha, memory, _ = rule.step(alpha, oracle, memory, clock, generator(0, "test", step))
        step += 1
    return float(function(alpha[None]))


def normals(rows, size=12, seed=0):
    return torch.randn(rows, size, generator=generator(seed, "test", 0), dtype=torch.float64)


# What all of them owe


@every_rule
@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_the_checks_of_every_rule(rule, check):
    CHECKS[check](rule)


@every_rule
def test_it_asks_for_as_many_losses_as_it_says(rule):
    oracle = Oracle(bowl)
    first(rule, oracle)
    assert (oracle.evaluated, oracle.gradients) == (ASKED[type(rule)], int(isinstance(rule, GuidedES)))


@every_rule
def test_float32_is_float64_rounded(rule):
    single, double = (first(rule, Oracle(bowl), zeros(dtype=dtype)).alpha for dtype in (torch.float32, torch.float64))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=1e-4)


@every_rule
def test_where_nothing_is_finite_the_search_must_stop(rule):
    assert not first(rule, Oracle(lambda x: bowl(x) * torch.nan)).alpha.isfinite().any()


@every_rule
@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_one_diverged_candidate_leads_nowhere(rule, bad):
    """The last of the losses is a candidate's, not alpha's own."""

    def diverging(x):
        return torch.cat([bowl(x)[:-1], x.new_tensor([bad])])

    alpha = first(rule, Oracle(diverging)).alpha
    assert alpha.isfinite().all()
    if ASKED[type(rule)] == 2:  # there was no other candidate that could be compared
        assert torch.equal(alpha, zeros())


@every_rule
def test_a_loss_that_is_the_same_everywhere_moves_nothing_but_by_chance(rule):
    """A rule that ranks without sharing ranks, and annealing, which takes what is equal, walk at random."""
    alpha = first(rule, Oracle(lambda x: 1 + 0 * x.sum(dim=1))).alpha
    assert torch.equal(alpha, zeros()) == (not isinstance(rule, CMA | Annealing))


# One update by hand


def test_spsa_divides_the_difference_by_every_sign():
    rule, memory = SPSA(spsa_a=0.7, spsa_stability=4.0, spsa_c=0.3), {"updates": torch.tensor(2.0).double()}
    move = first(rule, Oracle(bowl), memory=memory)
    signs = 2 * torch.randint(2, (12,), generator=generator(0, "test", 0)).double() - 1
    a, c = 0.7 / (4 + 3) ** 0.602, 0.3 / 3**0.101
    plus, minus = (float(bowl((s * c * signs)[None])) for s in (1, -1))
    expected = [-a * (plus - minus) / (2 * c * float(sign)) for sign in signs]
    torch.testing.assert_close(move.alpha, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-12)
    assert move.memory["updates"] == 3
    assert float(move.diagnostics["distance"]) == pytest.approx(c)


def test_nes_weighs_its_noise_by_ranks():
    move = first(NES(samples=3, nes_sigma=0.2, nes_lr=0.5), Oracle(bowl))
    noise = normals(3)
    losses = [float(bowl((s * 0.2 * e)[None])) for s in (1, -1) for e in noise]
    fitness = [sorted(losses).index(loss) / 5 - 0.5 for loss in losses]
    gradient = sum((fitness[i] - fitness[i + 3]) * noise[i] for i in range(3)) / (2 * 3 * 0.2)
    torch.testing.assert_close(move.alpha, -0.5 * gradient, rtol=1e-12, atol=1e-12)


def test_ranks_are_shared_by_equals_and_highest_for_what_is_not_finite():
    nan, inf = math.nan, math.inf
    assert centred_ranks(torch.tensor([3.0, 1.0, 2.0])).tolist() == [0.5, -0.5, 0.0]
    assert centred_ranks(torch.tensor([1.0, 1.0, 5.0])).tolist() == [-0.25, -0.25, 0.5]
    assert centred_ranks(torch.tensor([nan, 1.0, inf, 2.0, -inf])).tolist() == [0.25, -0.5, 0.25, -0.25, 0.25]
    assert centred_ranks(torch.tensor([nan, nan])).isnan().all()


def test_guided_es_samples_along_the_gradient_and_around():
    rule = GuidedES(samples=2, guided_sigma=0.3, guided_alpha=0.25, guided_beta=1.5, guided_lr=0.4)
    move = first(rule, Oracle(bowl))
    draw = generator(0, "test", 0)
    around = torch.randn(2, 12, generator=draw, dtype=torch.float64)
    along = torch.randn(2, 1, generator=draw, dtype=torch.float64)
    v = Oracle(bowl).gradient(zeros())
    v = v / v.norm()
    step = zeros()
    for i in range(2):
        e = 0.3 * (math.sqrt(0.25 / 12) * around[i] + math.sqrt(0.75) * float(along[i]) * v)
        step -= 0.4 * 1.5 / (2 * 0.3**2 * 2) * float(bowl(e[None]) - bowl(-e[None])) * e
    torch.testing.assert_close(move.alpha, step, rtol=1e-12, atol=1e-12)


def test_guided_samples_have_the_covariance_of_the_paper():
    rule, guide = GuidedES(samples=200_000, guided_sigma=0.5, guided_alpha=0.4), torch.tensor([3.0, 0.0, 4.0]).double()
    noise = rule.noise(guide, generator(0, "test"))
    v = guide / 5
    expected = 0.5**2 * (0.4 / 3 * torch.eye(3) + 0.6 * torch.outer(v, v))
    torch.testing.assert_close(noise.T @ noise / len(noise), expected.double(), rtol=0, atol=2e-3)


def test_without_a_gradient_guided_es_looks_around():
    noise = GuidedES(samples=3, guided_sigma=1.0).noise(zeros(), generator(0, "test", 0))
    torch.testing.assert_close(noise, math.sqrt(0.5 / 12) * normals(3))


def test_two_point_is_a_forward_difference():
    move = first(TwoPoint(two_point_nu=0.2, two_point_h=0.3), Oracle(bowl))
    (v,) = normals(1)
    slope = float(bowl(0.2 * v[None]) - bowl(zeros()[None])) / 0.2
    torch.testing.assert_close(move.alpha, -0.3 * slope * v, rtol=1e-12, atol=1e-12)


def estimate(samples, mu):
    """d / (mu N) sum_i [L(mu u_i) - L(0)] u_i, term by term."""
    total = zeros()
    for noise in normals(samples):
        u = noise / noise.norm()
        total += 12 / (mu * samples) * float(bowl(mu * u[None]) - bowl(zeros()[None])) * u
    return total


def test_zo_sign_takes_the_signs_of_the_estimate():
    move = first(ZOSign(samples=3, mu=0.2, sign_delta=0.3), Oracle(bowl))
    assert move.alpha.tolist() == [-0.3 if g > 0 else 0.3 for g in estimate(3, 0.2).tolist()]
    torch.testing.assert_close(move.diagnostics["gradient_norm"], estimate(3, 0.2).norm())


def test_zo_adam_divides_by_the_largest_square_so_far():
    rule = ZOAdam(samples=3, mu=0.2, zo_adam_lr=0.3, zo_adam_beta1=0.6, zo_adam_beta2=0.7)
    memory = {"mean": zeros() + 0.1, "square": zeros() + 0.2, "largest": torch.linspace(0, 20, 12).double()}
    move = first(rule, Oracle(bowl), memory=memory)
    for i, g in enumerate(estimate(3, 0.2).tolist()):
        mean, square = 0.6 * 0.1 + 0.4 * g, 0.7 * 0.2 + 0.3 * g * g
        largest = max(float(memory["largest"][i]), square)
        assert float(move.alpha[i]) == pytest.approx(-0.3 * mean / math.sqrt(largest), rel=1e-10)
        assert [float(move.memory[name][i]) for name in memory] == pytest.approx([mean, square, largest], rel=1e-10)


def test_annealing_takes_what_is_worse_as_often_as_metropolis_says():
    """On L(x) = x_1 every other proposal is worse; it is taken with the probability exp(-dL / T)."""
    rule, warm = Annealing(proposal_sigma=1.0, temperature=0.5), replace(CLOCK, epoch=30)  # half of it is left
    taken, expected = 0, 0.0
    for step in range(2000):
        move = rule.step(zeros(1), Oracle(lambda x: x[:, 0]), {}, warm, generator(0, "test", step))
        worse = float(torch.randn(1, 1, generator=generator(0, "test", step), dtype=torch.float64))
        taken += int(move.diagnostics["moved"])
        expected += min(1.0, math.exp(-worse / 0.25))
    assert taken == pytest.approx(expected, abs=60)


def test_annealing_ends_greedy_and_takes_what_is_equal():
    cold, flat = Annealing(temperature=0.0), Oracle(lambda x: torch.ones(len(x), dtype=x.dtype))
    assert first(cold, flat).diagnostics["moved"] == 1
    for step in range(20):
        move = cold.step(zeros(), Oracle(bowl), {}, CLOCK, generator(0, "test", step))
        assert bool(move.diagnostics["moved"]) == (float(bowl(move.alpha[None])) < float(bowl(zeros()[None])))


# CMA-ES


def cmaes_run(size, full_up_to, updates):
    """Our walk down Rosenbrock's valley, and the package's CMA or SepCMA, which is told our candidates."""
    package = pytest.importorskip("cmaes", reason="the package cmaes is not installed")
    rule, alpha = CMA(cma_sigma=0.3, full_up_to=full_up_to), torch.full((size,), -0.5, dtype=torch.float64)
    kind = package.CMA if size <= full_up_to else package.SepCMA
    population = rule.constants(size, whole=size <= full_up_to).population
    reference = kind(mean=alpha.numpy().copy(), sigma=0.3, population_size=population)
    memory = rule.start(alpha)
    for step in range(updates):
        asked = []

        def losses(x, asked=asked):
            asked.append(x)
            return rosenbrock(x)

        alpha, memory, _ = rule.step(alpha, Oracle(losses), memory, CLOCK, generator(0, "test", step))
        reference.tell([(x.numpy(), float(loss)) for x, loss in zip(asked[0], rosenbrock(asked[0]), strict=True)])
        yield alpha, memory, reference


@pytest.mark.parametrize(("size", "full_up_to"), [(10, 100), (30, 100), (10, 0), (200, 100)])
def test_cma_is_that_of_the_package(size, full_up_to):
    for alpha, memory, reference in cmaes_run(size, full_up_to, 60):
        ours = alpha, memory["sigma"], memory["covariance"], memory["sigma_path"], memory["covariance_path"]
        theirs = reference.mean, reference._sigma, reference._C, reference._p_sigma, reference._pc
        for mine, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, torch.as_tensor(other, dtype=torch.float64), rtol=1e-10, atol=1e-10)


def test_the_constants_of_cma_for_ten_dimensions():
    """lambda = 10 and n = 10, from the tutorial's formulas on a pocket calculator."""
    constants = full(10, 10)
    assert constants.weights[:5] == pytest.approx([0.45627, 0.27075, 0.16223, 0.08523, 0.02551], abs=1e-5)
    assert constants.mu_eff == pytest.approx(3.16730, abs=1e-5)
    assert constants.c_sigma == pytest.approx((3.16730 + 2) / (10 + 3.16730 + 5), abs=1e-6)
    assert sum(weight for weight in constants.weights if weight > 0) == pytest.approx(1)
    assert sum(diagonal(200, 19).weights) == pytest.approx(1)


@pytest.mark.parametrize("population", [2, 3, 4])
@pytest.mark.parametrize("full_up_to", [0, 100])
def test_small_populations_move_and_one_is_refused(population, full_up_to):
    move = first(CMA(cma_population=population, full_up_to=full_up_to), Oracle(bowl))
    assert move.alpha.isfinite().all()
    assert all(value.isfinite().all() for value in move.memory.values())
    with pytest.raises(HarnessError, match="cma_population=1 leaves nothing to rank"):
        first(CMA(cma_population=1), Oracle(bowl))


def test_a_large_alpha_has_a_diagonal():
    shapes = [tuple(CMA().start(zeros(size))["covariance"].shape) for size in (14, 100, 101, 450)]
    assert shapes == [(14, 14), (100, 100), (101,), (450,)]


def test_turned_draws_on_a_turned_loss_make_a_turned_search(monkeypatch):
    """Of a full covariance: the loss is narrow across the axes, so that the covariance leaves the sphere."""
    turn, _ = torch.linalg.qr(normals(8, 8, seed=1))
    scales = torch.logspace(0, 2, 8, dtype=torch.float64)

    def walk(draws, loss):
        rule, alpha = CMA(cma_sigma=0.3), torch.ones(8, dtype=torch.float64) @ draws
        memory = rule.start(alpha)
        for step in range(40):
            monkeypatch.setattr(
                "methods.rules.cma.normal", lambda draw, rows, like, s=step: normals(rows, 8, s) @ draws
            )
            alpha, memory, _ = rule.step(alpha, Oracle(loss), memory, CLOCK, generator(0, "test", step))
        return alpha, memory

    straight, memory = walk(torch.eye(8, dtype=torch.float64), lambda x: x.square() @ scales)
    turned, other = walk(turn, lambda x: (x @ turn.T).square() @ scales)
    torch.testing.assert_close(turned, straight @ turn, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(other["covariance"], turn.T @ memory["covariance"] @ turn, rtol=1e-8, atol=1e-8)
    assert float(torch.linalg.cond(memory["covariance"])) > 3


def test_cma_ranks_equals_by_their_draws_and_what_is_not_finite_last():
    def losses(x):
        values = torch.zeros(len(x), dtype=torch.float64)
        values[0] = math.nan
        values[3] = -math.inf
        return values

    rule = CMA(cma_population=6, full_up_to=0)
    move, z = first(rule, Oracle(losses)), normals(6)
    order = [1, 2, 4, 5, 0, 3]
    step, memory = tell(rule.constants(12, whole=False), rule.start(zeros()), z[order], z[order])
    torch.testing.assert_close(move.alpha, step)
    torch.testing.assert_close(move.memory["covariance"], memory["covariance"])


# Minima. Each bound is above what was reached, by half of it or more where the valley's floor is far below.

ON_THE_BOWL = {
    "cma": (CMA(cma_sigma=0.3), 1500, 1e-6),
    "spsa": (SPSA(spsa_a=1.0, spsa_stability=50.0), 3000, 1e-10),
    "nes": (NES(nes_lr=0.02), 4000, 3e-3),
    "guided-es": (GuidedES(), 4000, 1e-20),
    "two-point": (TwoPoint(), 3000, 3e-3),
    "zo-sign": (ZOSign(), 5000, 5e-3),
    "zo-adam": (ZOAdam(), 5000, 4e-3),
    "annealing": (Annealing(proposal_sigma=0.1, temperature=0.05), 4000, 0.05),
}


@pytest.mark.parametrize("name", ON_THE_BOWL)
def test_the_bottom_of_a_bowl(name):
    """From 6, in so many losses."""
    rule, evaluations, reached = ON_THE_BOWL[name]
    assert minimise(rule, bowl, 12, evaluations, annealed=name == "annealing") < reached


@pytest.mark.parametrize("name", ON_THE_BOWL)
def test_a_bowl_with_noise(name):
    """With a standard deviation of 0.01 in every loss; from 6, in so many losses."""
    rule, evaluations, _ = ON_THE_BOWL[name]
    rule = replace(rule, two_point_nu=0.1) if isinstance(rule, TwoPoint) else rule
    noise, oracle = torch.Generator().manual_seed(0), []

    def noisy(x: Tensor) -> Tensor:
        oracle.append(x[:1])
        return bowl(x) + 0.01 * torch.randn(len(x), generator=noise, dtype=torch.float64)

    minimise(rule, noisy, 12, evaluations, annealed=name == "annealing")
    assert float(bowl(oracle[-1])) < 0.3


IN_THE_VALLEY = {
    10: {
        "cma": (CMA(cma_sigma=0.3), 6000, 1e-8),
        "spsa": (SPSA(spsa_a=5e-4, spsa_c=0.01, spsa_stability=50.0), 4000, 12.0),
        "nes": (NES(nes_lr=0.003, nes_sigma=0.03), 4000, 9.0),
        "guided-es": (GuidedES(guided_lr=5e-4, guided_sigma=0.03), 4000, 12.0),
        "two-point": (TwoPoint(two_point_h=1e-4), 4000, 12.0),
        "zo-sign": (ZOSign(mu=0.01, sign_delta=0.003), 4000, 12.0),
        "zo-adam": (ZOAdam(mu=0.01, zo_adam_lr=0.03), 4000, 12.0),
        "annealing": (Annealing(proposal_sigma=0.05, temperature=1.0), 4000, 12.0),
    },
    200: {
        "cma": (CMA(cma_sigma=0.1), 4000, 500.0),
        "spsa": (SPSA(spsa_a=5e-5, spsa_c=0.01, spsa_stability=50.0), 8000, 2000.0),
        "nes": (NES(nes_lr=3e-4, nes_sigma=0.01), 8000, 500.0),
        "guided-es": (GuidedES(guided_lr=3e-4, guided_sigma=0.03), 4000, 250.0),
        "two-point": (TwoPoint(two_point_h=5e-6), 4000, 500.0),
        "zo-sign": (ZOSign(mu=0.01, sign_delta=0.003), 8000, 500.0),
        "zo-adam": (ZOAdam(mu=0.01, zo_adam_lr=0.03), 4000, 1000.0),
        "annealing": (Annealing(proposal_sigma=0.02, temperature=1.0), 4000, 1000.0),
    },
}


@pytest.mark.parametrize(("size", "name"), [(size, name) for size in IN_THE_VALLEY for name in ON_THE_BOWL])
def test_rosenbrocks_valley(size, name):
    """From 526.5, or 11,641.5, at (-1/2, ..., -1/2) into the valley, and with CMA-ES through it."""
    rule, evaluations, reached = IN_THE_VALLEY[size][name]
    start = torch.full((size,), -0.5, dtype=torch.float64)
    assert minimise(rule, rosenbrock, size, evaluations, alpha=start, annealed=name == "annealing") < reached
