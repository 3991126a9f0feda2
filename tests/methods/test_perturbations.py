"""SDARTS: the moved gates by hand and against a plain attack, and that only weight steps see them."""

from __future__ import annotations

import itertools

import pytest
import torch
from toy import ToyDataset, run_to_end, same, small_settings, space_of

from harness.core.types import Budget
from methods import METHODS
from methods.perturbations.adversarial import Adversarial
from methods.perturbations.uniform import UniformNoise, on_simplex
from methods.relaxations.softmax import Softmax
from methods.schedules.clock import Clock
from methods.search.alpha_step import move_alpha
from methods.search.search import Search
from methods.search.weight_step import train_weights, weight_gates
from methods.training.weights import PassResult
from spaces import SPACES

WIDTHS = (3, 2, 3)
CLOCK = Clock(25, 50, 0)


def random_gates(dtype=torch.float64):
    return Softmax().gates(torch.randn(sum(WIDTHS), dtype=dtype), space_of(WIDTHS), CLOCK, torch.Generator())


def never(gates, of_gates):
    raise AssertionError("looks at a loss")


def search_of(method, space="s1", **more):
    parts = METHODS[method].parts(SPACES[space], Budget(2), user=small_settings(method, space, **more))
    return Search(parts, SPACES[space], ToyDataset(), 0, "cpu", Budget(2))


def test_back_on_the_simplex_by_hand():
    gates = torch.tensor([[0.5, 0.7, -0.2], [1.5, 0.5, 9.0], [-0.3, -0.1, -0.2]], dtype=torch.float64)
    expected = [[5 / 12, 7 / 12, 0], [2 / 3, 1 / 3, 0], [0, 1, 0]]  # 9.0 is beyond the row; of the last nothing is left
    torch.testing.assert_close(on_simplex(gates, WIDTHS), torch.tensor(expected, dtype=torch.float64))


def test_the_radius_grows_linearly_over_the_epochs():
    epsilons = [UniformNoise().epsilon(Clock(epoch, 50, 0)) for epoch in (0, 25, 49)]
    assert epsilons == pytest.approx([0.03, 0.165, 0.2946])


def test_noise_fills_the_box_and_nothing_else():
    """On rows that no noise takes out of [0, 1], so that it is seen itself."""
    gates, draw = torch.full((4000, 3), 1 / 3, dtype=torch.float64), torch.Generator().manual_seed(0)
    noise = UniformNoise(0.1, 0.1)
    moved = noise.perturbed(gates, (3,) * 4000, never, CLOCK, draw)
    assert moved.sum(dim=1) == pytest.approx(1)
    raw = torch.empty(4000, 3, dtype=torch.float64).uniform_(-0.1, 0.1, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved, (gates + raw) / (1 + raw.sum(dim=1, keepdim=True)))
    assert raw.abs().max() == pytest.approx(0.1, rel=1e-2)


def plain_attack(gates, start, directions, epsilon):
    """All that it looks at; row by row and entry by entry, from SmoothDARTS attacker/perturb.py."""
    moved = [row[:] for row in start]
    seen = [[row[:] for row in moved]]
    for direction in directions:
        for row, width in enumerate(WIDTHS):
            for i in range(width):
                step = 2 * epsilon / len(directions) * (1 if direction[row][i] > 0 else -1)
                delta = max(-epsilon, min(epsilon, moved[row][i] + step - gates[row][i]))
                moved[row][i] = max(0.0, min(1.0, gates[row][i] + delta))
            total = sum(moved[row][:width])
            moved[row][:width] = [value / total for value in moved[row][:width]]
        seen.append([row[:] for row in moved])
    return seen


@pytest.mark.parametrize("steps", [3, 7])
def test_the_attack_takes_the_plain_one_s_path(steps):
    """The gradients are others at every look, so that it turns and does not end in a corner of the box."""
    torch.manual_seed(0)
    gates, directions, seen = random_gates(), torch.randn(steps, 3, 3, dtype=torch.float64), []

    def look(moved, of_gates):
        seen.append(moved)
        loss = 1.0 if len(seen) == steps + 1 else 0.0  # higher where the path ends
        return PassResult(torch.tensor(loss), torch.empty(0), directions[len(seen) - 1] if of_gates else None)

    attack = Adversarial(0.05, 0.25, attack_steps=steps)
    start = UniformNoise(0.05, 0.25).perturbed(gates, WIDTHS, never, CLOCK, torch.Generator().manual_seed(1))
    found = attack.perturbed(gates, WIDTHS, look, CLOCK, torch.Generator().manual_seed(1))
    path = plain_attack(gates.tolist(), start.tolist(), directions.tolist(), 0.15)
    torch.testing.assert_close(torch.stack(seen[:-1]), torch.tensor(path, dtype=torch.float64))
    assert torch.equal(seen[-1], gates)  # what it is compared with
    assert torch.equal(found, seen[-2])


@pytest.mark.parametrize("rise", [-1.0, 0.0])
def test_an_attack_that_does_not_raise_the_loss_is_dropped(rise):
    gates = random_gates()

    def look(moved, of_gates):
        return PassResult(rise * (moved - gates).abs().sum(), torch.empty(0), torch.ones(3, 3, dtype=torch.float64))

    assert torch.equal(Adversarial().perturbed(gates, WIDTHS, look, CLOCK, torch.Generator()), gates)


@pytest.fixture
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("method", ["sdarts-rs", "sdarts-adv"])
def test_without_a_radius_it_is_darts(method):
    ours = search_of(method, perturbation=0.0, perturbation_end=0.0)
    theirs = search_of("darts-1st")
    a, b = run_to_end(ours), run_to_end(theirs)
    torch.testing.assert_close(a.weights, b.weights, rtol=1e-9, atol=1e-9)  # the sum of a row may round
    assert not same(run_to_end(search_of(method)), b)


@pytest.mark.parametrize("space", ["s1", "s4", "nasbench201"])
@pytest.mark.parametrize(("method", "looks"), [("sdarts-rs", 0), ("sdarts-adv", 9)])
def test_only_weight_steps_see_the_moved_gates(method, looks, space):
    """An attack looks at the weight step's batch in eval mode: it moves no statistics."""
    search = search_of(method, space)
    state, seen, validated = search.start(), [], []
    run = search.supernets.model.run

    def watched(batch, gates, draw, of_weights=False, of_gates=False):
        before = state.statistics.clone()
        passed = run(batch, gates, draw, of_weights=of_weights, of_gates=of_gates)
        training = search.supernets.model.module.training
        seen.append((of_weights, training, gates, batch[0]))
        assert training != torch.equal(before, state.statistics)
        return passed

    search.supernets.model.run = watched
    forwards = state.cost.forwards
    search.supernets.bind(state)
    batch = search.images.train_batches(0).at(0)
    current = search.supernets.gates(state.alpha, search.parts.clock(state.epoch), torch.Generator())
    move_alpha(search.parts, search.supernets, search.images, state, batch, search.parts.clock(0), search.priced)
    assert [entry[:2] for entry in seen] == [(False, True)]
    assert torch.equal(seen.pop()[2], current)
    current = search.supernets.gates(state.alpha, search.parts.clock(state.epoch), torch.Generator())
    train_weights(search.parts, search.supernets, state, batch, search.parts.clock(0), state.alpha, lambda: batch)
    assert [entry[:2] for entry in seen] == [(False, False)] * looks + [(True, True)]
    assert all(torch.equal(entry[3], batch[0]) for entry in seen)
    assert state.cost.forwards - forwards == 1 + 1 + looks
    moved = seen[-1][2]
    assert (moved - current).abs().max() > 1e-3
    assert moved.sum(dim=1) == pytest.approx(1)
    search.supernets.model.module.register_forward_pre_hook(lambda module, inputs: validated.append(inputs[1]))
    search.validate(state, search.parts.clock(0))
    current = search.supernets.gates(state.alpha, search.parts.clock(state.epoch), torch.Generator())
    assert validated
    assert all(torch.equal(gates, current) for gates in validated)


def test_two_steps_draw_other_noise():
    search = search_of("sdarts-rs")
    state = search.start()
    search.supernets.bind(state)
    batch, clock = search.images.train_batches(0).at(0), search.parts.clock(0)
    fixed = search.parts, search.supernets, state, batch
    drawn = [weight_gates(*fixed, step, clock, state.alpha, 0) for step in (0, 0, 1)]
    equal = [torch.equal(a, b) for a, b in itertools.pairwise(drawn)]
    assert equal == [True, False]
