"""The rules on quadratics and made-up losses, where the answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from harness.core.rng import generator
from methods.rules.adam import Adam
from methods.rules.gld import GLD
from methods.rules.mgs import MGS
from methods.rules.random_search import RandomSearch
from methods.schedules.clock import Clock

CLOCK = Clock(epoch=10, epochs=50, warmup=10)


class Quadratic:
    """L(a) = 1/2 (a - c)' diag(h) (a - c)."""

    def __init__(self, d=12):
        draw = torch.Generator().manual_seed(5)
        self.center = torch.randn(d, generator=draw, dtype=torch.float64)
        self.h = torch.rand(d, generator=draw, dtype=torch.float64) + 0.5
        self.evaluated = 0

    def gradient(self, alpha):
        return self.h * (alpha - self.center)

    def losses(self, alphas):
        self.evaluated += len(alphas)
        return 0.5 * (self.h * (alphas - self.center) ** 2).sum(dim=1)

    def loss(self, alpha):
        return float(self.losses(alpha[None]))


def descend(rule, oracle, steps, alpha=None, clock=CLOCK):
    alpha = torch.zeros_like(oracle.center) if alpha is None else alpha
    memory, moves = rule.start(alpha), []
    for step in range(steps):
        move = rule.step(alpha, oracle, memory, clock, generator(0, "test", step))
        alpha, memory = move.alpha, move.memory
        moves.append(move)
    return alpha, moves


def test_adam_is_torch_adam():
    oracle, rule = Quadratic(), Adam(alpha_lr=0.05)
    alpha = torch.nn.Parameter(torch.zeros_like(oracle.center))
    reference = torch.optim.Adam([alpha], lr=0.05, betas=(0.5, 0.999), weight_decay=1e-3)
    for _ in range(30):
        alpha.grad = oracle.gradient(alpha.detach())
        reference.step()
    ours, _ = descend(rule, oracle, 30)
    torch.testing.assert_close(ours, alpha.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("directions", ["sphere", "normal"])
def test_random_search_estimates_the_gradient(directions):
    """phi(d) makes both estimators unbiased on a quadratic, whose central differences are exact."""
    oracle = Quadratic()
    alpha = torch.zeros_like(oracle.center)
    rule = RandomSearch(samples=200_000, directions=directions)
    estimate, _ = rule.estimate(alpha, oracle, generator(0, "test"))
    gradient = oracle.gradient(alpha)
    assert (estimate - gradient).norm() < 0.03 * gradient.norm()


def test_random_search_spends_two_losses_per_sample_and_descends():
    oracle = Quadratic()
    before = oracle.loss(torch.zeros_like(oracle.center))
    oracle.evaluated = 0
    alpha, _ = descend(RandomSearch(samples=4, xi=0.05), oracle, 200)
    assert oracle.evaluated == 200 * 8
    assert oracle.loss(alpha) < 0.01 * before


def test_gld_never_increases_the_loss_and_stays_at_the_minimum():
    oracle, rule = Quadratic(), GLD(radius=1.0, smallest_radius=1e-3)
    alpha, previous = torch.zeros_like(oracle.center), math.inf
    for step in range(200):
        move = rule.step(alpha, oracle, {}, CLOCK, generator(1, "test", step))
        loss = oracle.loss(move.alpha)
        assert loss <= previous
        assert (loss < previous) == bool(move.diagnostics["moved"]) or previous == math.inf
        alpha, previous = move.alpha, loss
    move = rule.step(oracle.center, oracle, {}, CLOCK, generator(1, "test", 0))
    assert torch.equal(move.alpha, oracle.center)
    assert move.diagnostics["moved"] == 0
    assert move.diagnostics["step_norm"] == 0


def test_gld_radii():
    """K = floor(log2(R/r)): 15 spheres with the published ratio 27,719."""
    alpha = torch.zeros(196, dtype=torch.float64)
    radii = GLD().radii(alpha).flatten()
    assert len(radii) == 15
    assert radii[0] == 0.13
    torch.testing.assert_close(radii[1:], radii[:-1] / 2)
    oracle = Quadratic(196)
    move = GLD().step(alpha, oracle, {}, CLOCK, generator(0, "test"))
    assert oracle.evaluated == 16
    distance = float((move.alpha - alpha).norm())
    assert distance == 0 or min(abs(distance - radii)) < 1e-12


def test_gld_ignores_a_diverged_candidate():
    class Diverging(Quadratic):
        def losses(self, alphas):
            values = super().losses(alphas)
            values[1] = torch.nan
            return values

    move = GLD().step(torch.zeros(12, dtype=torch.float64), Diverging(), {}, CLOCK, generator(0, "test"))
    assert move.alpha.isfinite().all()
    assert move.diagnostics["step_norm"] < 0.13


def test_gld_passes_on_that_its_own_loss_is_not_finite():
    """Then there is nothing to compare with: the search must stop, not stay."""

    class Broken(Quadratic):
        def losses(self, alphas):
            return super().losses(alphas) * torch.nan

    move = GLD().step(torch.zeros(12, dtype=torch.float64), Broken(), {}, CLOCK, generator(0, "test"))
    assert not move.alpha.isfinite().any()


def mixture_weights(losses, u, g, sigma, lam, tau):
    """The paper's Eq. 8 as it is written, for dimensions where nothing underflows."""
    d = u.shape[1]
    norm = (2 * math.pi * sigma**2) ** (-d / 2)
    q = (1 - lam) * norm * torch.exp(-((u + g) ** 2).sum(1) / (2 * sigma**2))
    q = q + lam * norm * torch.exp(-(u**2).sum(1) / (2 * sigma**2))
    c = torch.exp(-(losses - losses[0]) / tau) / q
    return c / c.sum()


def random_case(d, n=4, scale=0.3):
    draw = torch.Generator().manual_seed(d)
    u = scale * torch.randn(n, d, generator=draw, dtype=torch.float64)
    g = scale * torch.randn(d, generator=draw, dtype=torch.float64)
    return torch.rand(n, generator=draw, dtype=torch.float64), u, g


def test_mgs_weights_equal_the_plain_formula_in_two_dimensions():
    losses, u, g = random_case(2)
    rule = MGS(lam=0.2, tau=0.5)
    log_c = rule.log_weights(losses, u, g, 0.3)
    torch.testing.assert_close(log_c.exp(), mixture_weights(losses, u, g, 0.3, 0.2, 0.5), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mode", ["exact", "released", "softmin", "unit_var"])
def test_mgs_weights_do_not_see_constants_in_the_loss(mode):
    losses, u, g = random_case(30)
    rule = MGS(weight_mode=mode)
    torch.testing.assert_close(
        rule.log_weights(losses, u, g, 0.1), rule.log_weights(losses + 100.0, u, g, 0.1), rtol=1e-6, atol=1e-6
    )


def test_mgs_weights_do_not_see_the_normaliser():
    class Shifted(MGS):
        def log_density(self, u, gradient, sigma):
            return super().log_density(u, gradient, sigma) + 1000.0

    losses, u, g = random_case(30)
    torch.testing.assert_close(MGS().log_weights(losses, u, g, 0.1), Shifted().log_weights(losses, u, g, 0.1))


@pytest.mark.parametrize("mode", ["exact", "released", "softmin", "unit_var"])
def test_mgs_weights_are_finite_in_the_largest_space_at_the_smallest_sigma(mode):
    rule = MGS(weight_mode=mode)
    sigma, g = 1e-5, torch.randn(224, generator=torch.Generator().manual_seed(0))
    u = rule.propose(g, sigma, generator(0, "test"))
    log_c = rule.log_weights(torch.rand(4), u, g, sigma)
    assert log_c.isfinite().all()
    assert log_c.exp().sum() == pytest.approx(1)


def test_mgs_released_weights_are_the_released_formula():
    losses, u, g = random_case(56)
    sigma, lam, tau = 0.2, 1e-3, 0.01
    first = (1 - lam) * torch.exp(-((u + g) ** 2).sum(1) / (2 * sigma**2))
    second = lam * torch.exp(-(u**2).sum(1) * sigma**2 / 2)
    expected = torch.softmax(-losses / tau - torch.log(first + second + 1e-4), dim=0)
    torch.testing.assert_close(MGS(weight_mode="released").log_weights(losses, u, g, sigma).exp(), expected)


def test_mgs_ess_is_n_for_equal_weights_and_one_for_a_single_winner():
    class Flat(Quadratic):
        def losses(self, alphas):
            return torch.zeros(len(alphas), dtype=torch.float64)

    class OneWinner(Quadratic):
        def losses(self, alphas):
            return torch.arange(len(alphas), dtype=torch.float64)

    alpha = torch.zeros(12, dtype=torch.float64)
    flat = MGS(weight_mode="softmin").step(alpha, Flat(), {}, CLOCK, generator(0, "test"))
    assert flat.diagnostics["ess"] == pytest.approx(4)
    assert flat.diagnostics["esr"] == pytest.approx(1)
    winner = MGS(weight_mode="softmin").step(alpha, OneWinner(), {}, CLOCK, generator(0, "test"))
    assert winner.diagnostics["ess"] == pytest.approx(1)


def test_mgs_gives_a_diverged_candidate_no_weight():
    losses, u, g = random_case(12)
    losses[2] = torch.nan
    weights = MGS().log_weights(losses, u, g, 0.1).exp()
    assert weights[2] == 0
    assert weights.sum() == pytest.approx(1)


def test_mgs_on_a_linear_loss_moves_by_the_gaussian_formula():
    """For L = u'g and a Gaussian base measure of variance s^2, E_p[u] = -s^2 g / tau (Proposition 1). With lambda = 1
    and softmin weights the samples are that base measure."""

    class Linear(Quadratic):
        def losses(self, alphas):
            return alphas @ self.slope

    oracle = Linear(3)
    oracle.slope = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)
    rule = MGS(samples=400_000, lam=1.0, weight_mode="softmin", sigma=0.1, tau=0.05, sigma_decay="none")
    alpha = torch.zeros(3, dtype=torch.float64)
    step = rule.step(alpha, oracle, {}, CLOCK, generator(0, "test")).alpha
    torch.testing.assert_close(step, -(0.1**2) / 0.05 * oracle.slope, rtol=0.02, atol=1e-3)


def test_mgs_descends():
    oracle = Quadratic()
    start = oracle.loss(torch.zeros_like(oracle.center))
    alpha, _ = descend(MGS(), oracle, 30)
    assert oracle.loss(alpha) < 0.05 * start


def test_mixture_draws_from_both_components():
    g = 100 * torch.ones(4, dtype=torch.float64)
    u = MGS(samples=20_000, lam=0.25).propose(g, 0.1, generator(0, "test"))
    near_zero = (u.norm(dim=1) < 10).double().mean()
    assert near_zero == pytest.approx(0.25, abs=0.02)
    summed = MGS(samples=20_000, lam=0.25, proposal="sum").propose(g, 0.1, generator(0, "test"))
    torch.testing.assert_close(summed.mean(0), -75 * torch.ones(4, dtype=torch.float64), rtol=1e-3, atol=1e-2)


def test_sigma_schedule_at_the_listed_epochs():
    """With the released one-epoch lag: .025 at 10 and 11, .0220 at 20, .0125 at 31, 1.54e-4 at 49."""
    rule = MGS(sigma_lag=1)
    expected = {10: 0.025, 11: 0.025, 20: 0.0220, 31: 0.0125, 49: 1.54e-4}
    for epoch, sigma in expected.items():
        assert rule.sigma_at(replace(CLOCK, epoch=epoch)) == pytest.approx(sigma, rel=5e-3)
    assert MGS().sigma_at(replace(CLOCK, epoch=30)) == pytest.approx(0.0125)
    assert MGS(sigma_decay="none").sigma_at(replace(CLOCK, epoch=49)) == 0.025


@pytest.mark.parametrize("rule", [Adam(), RandomSearch(), MGS(), GLD()], ids=lambda rule: type(rule).__name__)
def test_a_rule_changes_none_of_its_arguments_and_repeats_itself(rule):
    oracle = Quadratic()
    alpha = torch.ones_like(oracle.center)
    memory = rule.start(alpha)
    kept = {name: value.clone() for name, value in memory.items()}
    first = rule.step(alpha, oracle, memory, CLOCK, generator(3, "test"))
    second = rule.step(alpha, oracle, memory, CLOCK, generator(3, "test"))
    assert torch.equal(first.alpha, second.alpha)
    assert torch.equal(alpha, torch.ones_like(alpha))
    assert all(torch.equal(memory[name], value) for name, value in kept.items())
    assert all(value.dim() == 0 for value in first.diagnostics.values())
