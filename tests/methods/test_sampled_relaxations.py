"""The relaxations of SNAS, ReinMax, PR-DARTS and DrNAS against their formulas, written out with loops."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from toy import space_of

from harness.core.types import Budget
from methods import METHODS
from methods.relaxations.concrete import Concrete
from methods.relaxations.dirichlet import Dirichlet, log_gamma_variates
from methods.relaxations.gumbel import Gumbel
from methods.relaxations.hard_concrete import HardConcrete
from methods.relaxations.reinmax import ReinMax
from methods.relaxations.sigmoid import Sigmoid
from methods.schedules.clock import Clock
from spaces import SPACES

WIDTHS = (3, 1, 2, 4)
SPACE = space_of(WIDTHS)
ALPHA = torch.tensor([0.0, 1.0, -1.0, 0.5, 0.3, 0.3, 2.0, -2.0, 0.1, 0.0], dtype=torch.float64)
MIDDLE = Clock(25, 51, 0)
ROWS = ((0, 1, 2), (3,), (4, 5), (6, 7, 8, 9))
"""alpha's entries, edge by edge."""
ALL = (Concrete(), ReinMax(), HardConcrete(), Dirichlet())


def draw(seed):
    return torch.Generator().manual_seed(seed)


def softmax(values):
    exponentials = [math.exp(value - max(values)) for value in values]
    return [value / sum(exponentials) for value in exponentials]


def gates_and_gradient(relaxation, weights, seed=0, clock=MIDDLE, alpha=ALPHA):
    """Gates, and the gradient of their weighted sum."""
    alpha = alpha.clone().requires_grad_()
    gates = relaxation.gates(alpha, SPACE, clock, draw(seed))
    (gradient,) = torch.autograd.grad((gates * weights).sum(), alpha)
    return gates.detach(), gradient


WEIGHTS = torch.randn(4, 4, dtype=torch.float64, generator=draw(9))


@pytest.mark.parametrize("relaxation", ALL, ids=lambda relaxation: type(relaxation).__name__)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_padding_is_0_and_the_generator_decides(relaxation, dtype):
    alpha = ALPHA.clone().to(dtype).requires_grad_()
    first, second, other = (relaxation.gates(alpha, SPACE, MIDDLE, draw(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.dtype == dtype
    for row, width in zip(first, WIDTHS, strict=True):
        assert row[width:].tolist() == [0.0] * (4 - width)
    (gradient,) = torch.autograd.grad((first * WEIGHTS.to(dtype)).sum(), alpha)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("relaxation", ALL, ids=lambda relaxation: type(relaxation).__name__)
def test_extreme_logits_have_finite_gates_and_gradients(relaxation):
    alpha = torch.tensor([-60.0, 60.0, 0.0, -60.0, 60.0, -60.0, 60.0, 60.0, -60.0, 60.0])
    gates, gradient = gates_and_gradient(relaxation, WEIGHTS.float(), alpha=alpha)
    assert gates.isfinite().all()
    assert gradient.isfinite().all()


def test_sigmoids_begin_at_one_half():
    alpha = Sigmoid().initial(SPACE, draw(0))
    assert alpha.tolist() == [0.0] * 10
    assert Sigmoid().gates(alpha, SPACE, MIDDLE, draw(0))[0, :3].tolist() == [0.5] * 3


def test_concrete_gates_by_hand():
    """At the middle of the search the temperature is (1 + 0.03) / 2."""
    noise = (-torch.empty(10, dtype=torch.float64).exponential_(generator=draw(0)).log()).tolist()
    gates, gradient = gates_and_gradient(Concrete(), WEIGHTS)
    for row, entries in enumerate(ROWS):
        soft = softmax([(ALPHA[i].item() + noise[i]) / 0.515 for i in entries])
        assert gates[row, : len(entries)].tolist() == pytest.approx(soft, rel=1e-12)
        mean = sum(p * WEIGHTS[row, column].item() for column, p in enumerate(soft))
        expected = [p * (WEIGHTS[row, column].item() - mean) / 0.515 for column, p in enumerate(soft)]
        assert gradient[list(entries)].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_snas_begins_near_1_and_cools():
    alpha = Concrete().initial(space_of((5,) * 400), draw(0)).double()
    assert alpha.mean().item() == pytest.approx(1, abs=1e-3)
    assert alpha.std().item() == pytest.approx(0.01, rel=0.05)
    temperatures = [Concrete().temperature_at(Clock(epoch, 150, 0)) for epoch in (0, 149)]
    assert temperatures == pytest.approx([1, 0.03])


def test_fbnet_cools_exponentially():
    """By about 0.956 an epoch."""
    concrete = METHODS["fbnet"].parts(SPACES["mobile"], Budget()).relaxation
    temperatures = [concrete.temperature_at(Clock(epoch, 90, 10)) for epoch in (0, 1, 89)]
    assert temperatures == pytest.approx([5, 5 * 0.956, 5 * math.exp(-0.045 * 89)], rel=1e-4)


def by_hand(relaxation, seed, clock):
    """s of every operation and its derivative, and the active operations of every edge."""
    noise, dropped, ties = torch.rand(3, 10, dtype=torch.float64, generator=draw(seed)).tolist()
    temperature, soft, slope = relaxation.temperature_at(clock), [], []
    for a, u in zip(ALPHA.tolist(), noise, strict=True):
        p = 1 / (1 + math.exp(-(a + math.log(u / (1 - u))) / temperature))
        stretched = p * 1.2 - 0.1
        soft.append(min(max(stretched, 0.0), 1.0))
        slope.append(1.2 * p * (1 - p) / temperature if 0 < stretched < 1 else 0.0)
    score = [s - (u < 0.4) for s, u in zip(soft, dropped, strict=True)]
    active = [sorted(sorted(row, key=lambda i: (-score[i], -ties[i]))[:2]) for row in ROWS]
    return slope, active


@pytest.mark.parametrize("epoch", [0, 25, 50])
def test_hard_concrete_gates_by_hand(epoch):
    clock, clipped, sampled = Clock(epoch, 51, 0), 0, set()
    for seed in range(20):
        slope, active = by_hand(HardConcrete(), seed, clock)
        gates, gradient = gates_and_gradient(HardConcrete(), WEIGHTS, seed, clock)
        expected = [
            [float(i in on) for i in row] + [0.0] * (4 - len(row)) for row, on in zip(ROWS, active, strict=True)
        ]
        assert gates.tolist() == expected
        weights = [WEIGHTS[row, column].item() for row, width in enumerate(WIDTHS) for column in range(width)]
        by_entry = [s * w for s, w in zip(slope, weights, strict=True)]
        assert gradient.tolist() == pytest.approx(by_entry, rel=1e-9, abs=1e-12)
        clipped += slope.count(0.0)
        sampled |= {tuple(on) for on in active}
    assert clipped
    assert len(sampled) > 4


def test_equal_operations_are_active_equally_often():
    """All are clipped to 1: two of four at random, and dropped ones after the others."""
    space, count = space_of((4,) * 1500), 1500
    gates = HardConcrete().gates(torch.full((6000,), 80.0), space, Clock(50, 51, 0), draw(0))
    assert gates.sum(1).tolist() == [2.0] * count
    assert stats.chisquare(gates.sum(0)).pvalue > 1e-3
    only = HardConcrete(active=1, operation_drop=1.0).gates(torch.full((6000,), 80.0), space, MIDDLE, draw(0))
    assert stats.chisquare(only.sum(0)).pvalue > 1e-3


def test_the_activation_is_the_probability_of_a_gate():
    """The share of a fine grid of uniform noise at which the clipped gate is not 0."""
    grid = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    for epoch in (0, 50):
        clock = Clock(epoch, 51, 0)
        temperature = HardConcrete().temperature_at(clock)
        found = HardConcrete().activation(ALPHA, SPACE, clock)
        for row, entries in enumerate(ROWS):
            for column, i in enumerate(entries):
                gate = ((ALPHA[i] + grid.logit()) / temperature).sigmoid() * 1.2 - 0.1
                assert found[row, column].item() == pytest.approx((gate > 0).double().mean().item(), abs=1e-5)
            assert found[row, len(entries) :].tolist() == [0.0] * (4 - len(entries))


def test_pr_darts_derives_by_softmax():
    strengths = HardConcrete().strengths(ALPHA, SPACE)
    assert strengths[0, :3].tolist() == pytest.approx(softmax([0.0, 1.0, -1.0]))


@pytest.mark.parametrize("shape", [0.02, 0.3, 1.0, 1.7, 30.0])
def test_the_variates_have_a_gamma_distribution(shape):
    logs = log_gamma_variates(torch.full((4000,), shape, dtype=torch.float64), draw(int(100 * shape)))
    # Compared as logarithms, for the smallest variates of a small shape are below the smallest number.
    assert stats.kstest(logs.numpy(), stats.loggamma(shape).cdf).pvalue > 1e-3


def test_the_gates_have_a_dirichlet_distribution():
    """Means and covariances against torch's, edge by edge, and each gate against its beta distribution."""
    alpha, count = torch.tensor([-2.0, 0.5, 0.0], dtype=torch.float64), 4000
    concentration = torch.tensor([math.exp(-2), 1.5, 1.0], dtype=torch.float64)
    gates = Dirichlet().gates(alpha.repeat(count), space_of((3,) * count), MIDDLE, draw(0))
    torch.testing.assert_close(gates.sum(1), torch.ones(count, dtype=torch.float64))
    theirs = torch.distributions.Dirichlet(concentration)
    covariance = -torch.outer(theirs.mean, theirs.mean) / (concentration.sum() + 1)
    covariance.fill_diagonal_(0).add_(torch.diag(theirs.variance))
    torch.testing.assert_close(gates.mean(0), theirs.mean, rtol=0, atol=0.02)
    torch.testing.assert_close(torch.cov(gates.t()), covariance, rtol=0, atol=0.005)
    for column, own in enumerate(concentration.tolist()):
        rest = concentration.sum().item() - own
        assert stats.kstest(gates[:, column].numpy(), stats.beta(own, rest).cdf).pvalue > 1e-3


def test_the_dirichlet_gradient_is_that_of_torch_at_the_same_sample(monkeypatch):
    for seed in range(5):
        gates, gradient = gates_and_gradient(Dirichlet(), WEIGHTS, seed)
        for row, entries in enumerate(ROWS):
            alpha = ALPHA[list(entries)].clone().requires_grad_()
            own = gates[row, : len(entries)]
            monkeypatch.setattr(torch, "_sample_dirichlet", lambda concentration, own=own: own)
            sample = torch.distributions.Dirichlet(torch.nn.functional.elu(alpha) + 1).rsample()
            assert torch.equal(sample, own)
            (sample * WEIGHTS[row, : len(entries)]).sum().backward()
            torch.testing.assert_close(gradient[list(entries)], alpha.grad, rtol=1e-9, atol=1e-12)
            monkeypatch.undo()
        assert gradient[3] == 0  # an edge of one operation decides nothing
        assert gradient[:3].abs().min() > 0


def test_the_mean_dirichlet_gradient_is_that_of_the_mean():
    alpha, count = torch.tensor([-0.5, 0.5], dtype=torch.float64), 6000
    repeated = alpha.repeat(count).requires_grad_()
    gates = Dirichlet().gates(repeated, space_of((2,) * count), MIDDLE, draw(0))
    (gradient,) = torch.autograd.grad(gates[:, 0].sum(), repeated)
    b = math.exp(-0.5), 1.5
    total = sum(b)
    expected = [b[1] / total**2 * b[0], -b[0] / total**2]  # d(b0 / total) / d alpha
    found = gradient.view(count, 2)
    error = (found.std(0) / math.sqrt(count)).tolist()
    for mean, exact, deviation in zip(found.mean(0).tolist(), expected, error, strict=True):
        assert abs(mean - exact) < 4 * deviation
        assert deviation < abs(exact) / 10


def test_candidates_that_share_the_noise_have_gates_that_differ_as_they_do():
    for seed in range(50):
        gates, moved = (Dirichlet().gates(ALPHA + step, SPACE, MIDDLE, draw(seed)) for step in (0, 1e-7))
        assert 0 < (gates - moved).abs().max() < 1e-5


def test_drnas_derives_by_the_mean_of_its_gates():
    strengths = Dirichlet().strengths(ALPHA, SPACE)
    b = [1.0, 2.0, math.exp(-1)]
    assert strengths[0].tolist() == pytest.approx([*(value / sum(b) for value in b), 0.0])
    torch.testing.assert_close(strengths[2, :2], torch.full((2,), 0.5, dtype=torch.float64))


THREE = torch.tensor([0.4, -0.3, 0.9], dtype=torch.float64)
MATRIX = torch.randn(3, 3, dtype=torch.float64, generator=draw(4))
VECTOR = torch.randn(3, dtype=torch.float64, generator=draw(5))


def linear(x):
    return VECTOR @ x


def quadratic(x):
    return VECTOR @ x + x @ MATRIX @ x


def exact(f, alpha):
    """The gradient of the mean of f over the one-hot vectors, by enumeration."""
    alpha = alpha.clone().requires_grad_()
    mean = sum(p * f(one) for p, one in zip(alpha.softmax(0), torch.eye(len(alpha)).double(), strict=True))
    return torch.autograd.grad(mean, alpha)[0]


def of_estimator(estimate, f, alpha):
    """The mean of an estimator's gradient over the operations that may be sampled."""
    found = torch.zeros_like(alpha)
    for number, p in enumerate(alpha.softmax(0)):
        theta = alpha.clone().requires_grad_()
        found += p * torch.autograd.grad(f(estimate(theta, number)), theta)[0]
    return found


@pytest.fixture
def reinmax(monkeypatch):
    """ReinMax' gates of one edge, at a temperature, when this operation is sampled."""

    def estimator(temperature=1.0):
        def gates(alpha, number):
            sampled = torch.nn.functional.one_hot(torch.tensor(number), len(alpha)).double()
            monkeypatch.setattr("methods.relaxations.reinmax.perturbed", lambda alpha, draw: sampled)
            found = ReinMax(temperature, temperature).gates(alpha, space_of((len(alpha),)), MIDDLE, draw(0))[0]
            assert torch.equal(found, sampled)
            return found

        return gates

    return estimator


def straight_through(alpha, number):
    soft = alpha.softmax(0)
    return torch.nn.functional.one_hot(torch.tensor(number), len(alpha)) + (soft - soft.detach())


@pytest.mark.parametrize("alpha", [THREE, THREE[:2]], ids=["three", "two"])
def test_reinmax_is_exact_for_quadratics_and_straight_through_is_not(reinmax, alpha):
    cut = len(alpha)

    def f(x):
        return VECTOR[:cut] @ x + x @ MATRIX[:cut, :cut] @ x

    torch.testing.assert_close(of_estimator(reinmax(), f, alpha), exact(f, alpha), rtol=1e-12, atol=1e-14)
    assert (of_estimator(straight_through, f, alpha) - exact(f, alpha)).abs().max() > 0.01


def test_reinmax_has_a_bias_of_higher_order(reinmax):
    """As a function is flattened to a half, its third derivatives become an eighth, and its second a quarter."""
    errors = {}
    for name, estimate in (("reinmax", reinmax()), ("straight-through", straight_through)):
        found = []
        for flat in (0.1, 0.05):

            def f(x, flat=flat):
                return (flat * (VECTOR @ x)).exp()

            found.append((of_estimator(estimate, f, THREE) - exact(f, THREE)).norm().item())
        errors[name] = found
    assert errors["straight-through"][0] / errors["straight-through"][1] == pytest.approx(4, rel=0.1)
    assert errors["reinmax"][0] / errors["reinmax"][1] == pytest.approx(8, rel=0.1)
    assert errors["reinmax"][0] < errors["straight-through"][0] / 10


def test_temperatures_other_than_1_bias_even_a_linear_function(reinmax):
    truth = exact(linear, THREE)
    torch.testing.assert_close(of_estimator(reinmax(), linear, THREE), truth, rtol=1e-12, atol=1e-14)
    for temperature in (0.5, 2.0):
        assert (of_estimator(reinmax(temperature), linear, THREE) - truth).norm() > truth.norm() / 10


def test_the_gate_of_the_sampled_operation_alone_has_half_the_gradient(reinmax):
    """Which is why all operations run."""

    def sampled_only(alpha, number):
        gates = reinmax()(alpha, number)
        kept = torch.zeros(3, dtype=torch.float64)
        kept[number] = 1.0
        return kept * gates

    torch.testing.assert_close(of_estimator(sampled_only, linear, THREE), exact(linear, THREE) / 2)


def test_reinmax_samples_what_gdas_does_and_leaves_padding_alone():
    for seed in range(20):
        gates, gradient = gates_and_gradient(ReinMax(), WEIGHTS, seed)
        assert torch.equal(gates, gates_and_gradient(Gumbel(), WEIGHTS, seed)[0])
        p = ALPHA[:3].softmax(0)
        middle = (gates[0, :3] + p) / 2
        jacobians = [torch.diag(q) - torch.outer(q, q) for q in (middle, p)]
        expected = (2 * jacobians[0] - jacobians[1] / 2) @ WEIGHTS[0, :3]
        torch.testing.assert_close(gradient[:3], expected)
        assert gradient[3] == pytest.approx(0, abs=1e-15)
