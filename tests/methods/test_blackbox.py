"""Black-box methods: strategies against plain loops of the published code, and the search around them."""

from __future__ import annotations

import collections
import itertools
import math

import numpy as np
import pytest
import torch
from toy import ToyDataset, run_to_end
from toy_table import toy_table
from trials import CHOICES, draw, history, play, worth

from harness.core.errors import HarnessError
from harness.core.types import Budget
from harness.tables.nasbench201_truth import NasBench201
from methods import CATALOGUE, METHODS
from methods.composition import BlackBox
from methods.families import make_search
from methods.strategies.evolution import Evolution
from methods.strategies.hyperband import BOHB, Density, Hyperband
from methods.strategies.random import Random
from methods.strategies.reinforce import Reinforce
from methods.strategies.strategy import flat, mutate, uniform
from methods.tabular.data import TableData
from spaces import SPACES

TABLE = toy_table()
DATA = TableData("cifar10", NasBench201(TABLE))
SPACE = SPACES["nasbench201-table"]
BLACK_BOX = [name for name, method in CATALOGUE.items() if isinstance(method, BlackBox)]
SMALL = {"channels": 2, "cells": 3, "batch": 8, "trial_epochs": 2}


def test_random_search_is_uniform() -> None:
    codes = np.array([uniform(CHOICES, draw(step)) for step in range(3000)])
    for choice in range(6):
        counts = np.bincount(codes[:, choice], minlength=5)
        assert ((counts - 600) ** 2 / 600).sum() < 18.5  # chi-squared with 4 degrees of freedom, 0.1 %


def test_a_mutation_changes_one_choice_of_a_uniform_node() -> None:
    """A node is drawn, then one of its edges, as in R_EA.py: an edge of node 1 is drawn three times as often."""
    code = (0, 1, 2, 3, 4, 0)
    changed = collections.Counter()
    for step in range(3000):
        child = mutate(CHOICES, code, draw(step))
        (place,) = [i for i in range(6) if child[i] != code[i]]
        changed[place] += 1
    expected = [1 / 3, 1 / 6, 1 / 6, 1 / 9, 1 / 9, 1 / 9]
    assert sum((changed[i] - 3000 * p) ** 2 / (3000 * p) for i, p in enumerate(expected)) < 20.5


def test_a_choice_with_one_option_is_never_mutated() -> None:
    choices = SPACES["s2"].choices
    assert choices[0] == (1, 2, 2)
    sizes = flat(choices)
    for step in range(200):
        code = uniform(choices, draw(step))
        child = mutate(choices, code, draw(10_000 + step))
        assert sum(a != b for a, b in zip(code, child, strict=True)) == 1
        assert all(option < size for option, size in zip(child, sizes, strict=True))


def test_evolution_is_the_published_loop() -> None:
    """The population as a queue, as R_EA.py has it, with the same draws."""
    population, sample, trials = 5, 3, 40
    codes, _, accuracies, _ = play(Evolution(population, sample), trials)
    queue: collections.deque = collections.deque()
    for step in range(trials):
        if step < population:
            code = uniform(CHOICES, draw(step))
        else:
            draws = draw(step)
            drawn = [queue[int(torch.randint(population, (), generator=draws))] for _ in range(sample)]
            code = mutate(CHOICES, max(drawn, key=lambda item: item[1])[0], draws)
            queue.popleft()
        queue.append((code, worth(code)))
        assert list(code) == codes[step]
    assert max(accuracies[population:]) > max(accuracies[:population])


def test_reinforce_is_the_published_loop() -> None:
    """torch's Adam and autograd on the log-probability, as reinforce.py has it."""
    strategy, trials = Reinforce(policy_lr=0.1), 25
    codes, _, accuracies, memory = play(strategy, trials)
    start = strategy.start(CHOICES, draw(10**6))["logits"]
    logits = torch.nn.Parameter(start.clone())
    adam = torch.optim.Adam([logits], lr=0.1)
    numerator = denominator = 0.0
    for code, reward in zip(codes[:-1], accuracies[:-1], strict=True):
        numerator, denominator = 0.9 * numerator + 0.1 * reward, 0.9 * denominator + 0.1
        log_p = torch.distributions.Categorical(logits=logits).log_prob(torch.tensor(code))
        adam.zero_grad()
        (-log_p * (reward - numerator / denominator)).sum().backward()
        adam.step()
    torch.testing.assert_close(memory["logits"], logits.detach(), rtol=1e-9, atol=1e-9)
    assert not torch.equal(memory["logits"], start)


def test_reinforce_learns_and_never_draws_what_there_is_not() -> None:
    choices = ((1, 2, 2), (3, 2, 2))
    codes, _, accuracies, _ = play(Reinforce(), 150, choices, lambda code: 10.0 * code[1] + code[3])
    assert all(option < size for code in codes for option, size in zip(code, flat(choices), strict=True))
    assert np.mean(accuracies[-30:]) > np.mean(accuracies[:30]) + 2


@pytest.mark.parametrize(
    ("shortest", "longest", "rungs", "brackets"),
    [
        (12, 200, [200 / 9, 200 / 3, 200], [(9, 3, 1), (3, 1), (3,)]),
        (1, 12, [12 / 9, 4, 12], [(9, 3, 1), (3, 1), (3,)]),
        (1, 81, [1, 3, 9, 27, 81], [(81, 27, 9, 3, 1), (27, 9, 3, 1), (9, 3, 1), (6, 2), (5,)]),
        (1, 243, [1, 3, 9, 27, 81, 243], None),
        (5, 5, [5], [(1,)]),
    ],
)
def test_hyperband_has_the_rungs_and_brackets_of_hpbandster(shortest, longest, rungs, brackets) -> None:
    strategy = Hyperband(3, shortest, longest)
    assert strategy.rungs == pytest.approx(rungs)
    for number, sizes in enumerate(brackets or []):
        assert tuple(trials for _, trials in strategy.bracket(number)) == sizes
        assert strategy.bracket(number) == strategy.bracket(number + len(rungs))
        assert strategy.bracket(number)[-1][0] == pytest.approx(longest)


def test_hyperband_promotes_the_best_of_each_rung() -> None:
    codes, epochs, accuracies, _ = play(Hyperband(3, 1, 9), 20)
    assert epochs == [1.0] * 9 + [3.0] * 3 + [9.0] + [3.0] * 3 + [9.0] + [9.0] * 3
    ranked = sorted(range(9), key=lambda i: -accuracies[i])
    assert codes[9:12] == [codes[i] for i in ranked[:3]]
    assert codes[12] == codes[ranked[0]]
    assert codes[16] == codes[max(range(13, 16), key=lambda i: accuracies[i])]


def test_the_best_is_that_of_the_longest_rung() -> None:
    assert history([[0], [1], [2], [3]], [99.0, 50.0, 60.0, 60.0], [1.0, 3.0, 3.0, 3.0], width=1).best == 2
    assert history([[0], [1]], [99.0, 50.0], width=1).best == 0


def test_a_density_is_one_in_all_and_proposes_near_its_points() -> None:
    points = torch.tensor([[0, 1], [2, 1]])
    density = Density(points, torch.tensor([3.0, 2.0]).double(), torch.tensor([0.3, 0.2]).double())
    everywhere = torch.tensor(list(itertools.product(range(3), range(2))))
    values = density.density(everywhere)
    assert float(values.sum()) == pytest.approx(1)
    assert float(values[1]) == pytest.approx((0.7 * 0.8 + 0.15 * 0.8) / 2)  # (0, 1)
    draws = draw(0)
    drawn = [tuple(density.near(draws).tolist()) for _ in range(4000)]
    # KeptOperations with 0.7, else any of three: 0.8 stay, and the other two share the rest.
    first = collections.Counter(code[0] for code in drawn)
    assert first[1] / 4000 == pytest.approx(0.1, abs=0.02)


def test_bohb_draws_at_random_until_it_has_a_model_and_then_models_the_longest_rung() -> None:
    bohb = BOHB(3, 1, 1)
    draws = iter(range(100, 200))
    few = history([uniform(CHOICES, draw(next(draws))) for _ in range(13)], [50.0] * 13, [1.0] * 13)
    assert bohb._model(flat(CHOICES), few) is None  # 7 good ones leave 6
    many = history([uniform(CHOICES, draw(next(draws))) for _ in range(40)], list(range(40)), [1.0] * 40)
    good, bad = bohb._model(flat(CHOICES), many)
    assert good.points.tolist() == many.codes.flip(0)[:7].tolist()
    assert bad.points.tolist() == many.codes.flip(0)[7:41].tolist()
    assert ((good.bandwidth >= 0.3) & (good.bandwidth <= 0.8)).all()


def test_bohb_tells_candidates_apart_by_densities_of_many_choices() -> None:
    """Of 24 choices each is below 1e-8."""
    choices, bohb, chosen = SPACES["s2"].choices, BOHB(3, 1, 1), []
    many = history([uniform(choices, draw(step)) for step in range(100)], list(range(100)), [1.0] * 100, 24)
    good, bad = bohb._model(flat(choices), many)
    for step in range(20):
        draws = draw(step)
        torch.rand((), generator=draws)  # whether it would draw uniformly
        candidates = torch.stack([good.near(draws) for _ in range(bohb.candidates)])
        ratios = good.density(candidates).log() - bad.density(candidates).log()
        chosen.append(int(ratios.argmax()))
        assert bohb._fresh(choices, many, draw(step)) == tuple(candidates[chosen[-1]].tolist())
    assert len(set(chosen)) == bohb.candidates


def test_bohb_proposes_better_than_random() -> None:
    scores = [np.mean(play(strategy, 80)[2][40:]) for strategy in (BOHB(3, 1, 1), Hyperband(3, 1, 1))]
    assert scores[0] > scores[1] + 1


def search_of(method: str, seed: int = 0, epochs: int | None = None, **settings):
    budget = Budget(epochs)
    parts = METHODS[method].parts(SPACE, budget, user=settings)
    return make_search(parts, SPACE, DATA, seed, "cpu", budget)


@pytest.mark.parametrize("method", BLACK_BOX)
def test_the_tables_seconds_end_a_search_before_the_trial_that_exceeds_them(method: str) -> None:
    search = search_of(method, simulated_seconds=5000)
    state = run_to_end(search)
    assert state.stopped_by == "simulated seconds"
    table, guide = TABLE, "cifar10-valid"
    seconds = table.grid(table.train_seconds(guide, 12) + table.eval_seconds(guide, "valid", 12))
    spent = [float(seconds[tuple(code)]) for code in state.codes.tolist()]
    assert state.cost.simulated_seconds == pytest.approx(sum(spent))
    assert 4000 < sum(spent) <= 5000
    assert state.cost.evaluations == len(spent) == len(state.records) > 20
    accuracies = table.grid(table.column(guide, "valid", 12, "mean"))
    assert state.accuracies.tolist() == [float(accuracies[tuple(code)]) for code in state.codes.tolist()]
    result = search.result(state)
    assert result.records[-1]["table"] == DATA.accuracies(result.genotype)["cifar10"]
    assert str(result.genotype) == result.records[-1]["genotype"]


def test_a_budget_that_pays_for_nothing_is_refused() -> None:
    with pytest.raises(HarnessError, match="simulated_seconds=1 does not pay for one trial; set it higher"):
        run_to_end(search_of("rea", simulated_seconds=1))
    with pytest.raises(HarnessError, match=r"max_epochs=1\.0 is below min_epochs=12\.0"):
        search_of("bohb", max_epochs=1).start()


def trained(method: str, space: str = "s4", epochs: int = 2, **settings):
    budget = Budget(epochs)
    parts = METHODS[method].parts(SPACES[space], budget, user=SMALL | settings)
    return make_search(parts, SPACES[space], ToyDataset(24), 0, "cpu", budget)


def test_a_short_training_learns_and_is_counted() -> None:
    search = trained("random-search", "darts", epochs=2, trial_epochs=12, channels=4, lr=0.1)
    state = run_to_end(search)
    assert state.cost.evaluations == 2
    assert state.cost.forwards == state.cost.backwards == 2 * 12 * 3
    assert state.cost.images == 2 * 12 * 24
    assert float(state.accuracies.max()) > 50  # of 4 classes


def test_rungs_are_epochs_of_training() -> None:
    state = run_to_end(trained("hyperband", epochs=5, min_epochs=1, max_epochs=2, eta=2))
    assert state.epochs.tolist() == [1, 1, 2, 2, 2]
    assert state.cost.forwards == (1 + 1 + 2 + 2 + 2) * 3


def test_a_training_that_is_saved_in_the_middle_goes_on() -> None:
    """On S4, whose noise operations draw at every forward."""
    straight = run_to_end(trained("rea", trial_epochs=3))
    search = trained("rea", trial_epochs=3)
    state = search.start()
    while not state.stopped_by:
        state = trained("rea", trial_epochs=3).restore(state.to_dict())
        state = search.advance(state)
    assert torch.equal(state.accuracies, straight.accuracies)
    assert torch.equal(state.codes, straight.codes)
    assert math.isfinite(float(state.accuracies.sum()))


def test_what_the_strategy_sees_stays_on_the_cpu_in_a_search_on_another_device() -> None:
    """As it was when the search began; a proposal is made of it, and it grows by a row a trial."""
    search = trained("reinforce", epochs=4, trial_epochs=2)
    state = search.start()
    while state.epoch < 2 or not state.progress:
        state = search.advance(state)
    assert state.memory
    search.device = "meta"
    restored = search.restore(state.to_dict())
    seen = [restored.codes, restored.epochs, restored.accuracies, restored.scores, *restored.memory.values()]
    assert {tensor.device.type for tensor in seen} == {"cpu"}
    assert {tensor.device.type for tensor in restored.progress.values()} == {"meta"}


def test_random_is_what_hyperband_starts_with() -> None:
    assert play(Random(), 9)[0] == play(Hyperband(3, 1, 9), 9)[0]
