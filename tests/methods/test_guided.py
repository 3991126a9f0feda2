"""Searches with a predictor, and local search: the predictor itself, counts of expansions and of queries, choices by
hand."""

from __future__ import annotations

import itertools
from functools import partial
from math import prod

import pytest
import torch
from scipy.stats import kendalltau
from trials import CHOICES, draw, history, play, worth

from harness.core.rng import generator
from methods.strategies.guided import Bananas, Npenas
from methods.strategies.local_search import LocalSearch, neighbours
from methods.strategies.pnas import Pnas, expansions
from methods.strategies.predictor import Surrogate, adam, encoded, ranks
from methods.strategies.random import Random
from methods.strategies.strategy import flat, from_queue, uniform, unseen

QUICK = {"members": 3, "predictor_width": 16, "predictor_steps": 60}
SIZES = flat(CHOICES)


def distinct_blocks(inputs: int, operations: int = 8) -> int:
    """PNAS's blocks: two (input, operation) pairs, whose order does not matter, for they are added."""
    pairs = list(itertools.product(range(inputs), range(operations)))
    return len(list(itertools.combinations_with_replacement(pairs, 2)))


OWN = tuple((distinct_blocks(inputs),) for inputs in (2, 3, 4, 5, 6))
"""PNAS's own space: five blocks, each of which reads the cell's two inputs and the blocks before it."""


def test_the_first_cells_of_pnas_s_own_space_are_136_and_the_expansions_of_256_a_hundred_thousand() -> None:
    assert OWN == ((136,), (300,), (528,), (820,), (1176,))
    first = expansions(torch.zeros(1, 0, dtype=torch.int64), OWN[0])
    assert first.tolist() == [[block] for block in range(136)]
    assert len(expansions(first, OWN[1])) == 136 * 300
    last = expansions(torch.randint(820, (256, 4), generator=draw(0)).unique(dim=0), OWN[4])
    assert last.shape == (256 * 1176, 5)
    assert len(set(map(tuple, last[:3000].tolist()))) == 3000


def test_pnas_trains_all_first_cells_and_then_the_beam_of_every_size() -> None:
    """136 + 4 * 16 in place of 136 + 4 * 256, after which the last size goes on."""
    choices = (OWN[0], *((distinct_blocks(inputs, 1),) for inputs in (3, 4, 5, 6)))  # later blocks of one operation
    quick = Pnas(beam=16, members=2, predictor_width=4, predictor_steps=3)
    memory, codes = quick.start(choices, draw(10**6)), []
    for step in range(136 + 5 * 16):
        so_far = history(codes, [float(sum(code)) for code in codes], None, 5)
        before = len(memory["queue"])
        code, _, memory = quick.propose(choices, so_far, memory, draw(step))
        codes.append(list(code))
        if not before:
            assert len(memory["queue"]) + 1 == (16 if step else 136)
            assert step in (0, *range(136, 136 + 5 * 16, 16))
    assert [code[0] for code in codes[:136]] == list(range(136))
    for size in range(1, 6):  # the prefixes of each beam are expansions of those before
        start = 136 + 16 * (size - 1)
        prefixes = {tuple(code[: min(size + 1, 5)]) for code in codes[start : start + 16]}
        assert len(prefixes) == 16
        older = codes[:136] if size == 1 else codes[start - 16 : start]
        older = codes[136 + 32 : 136 + 48] if size == 5 else older
        assert {prefix[: min(size, 4)] for prefix in prefixes} <= {tuple(code[: min(size, 4)]) for code in older}
    assert len(set(map(tuple, codes))) == len(codes)


def test_pnas_grows_the_nodes_of_nasbench201_one_by_one() -> None:
    codes, _, accuracies, memory = play(Pnas(beam=6, **QUICK), 5 + 6 + 12)
    assert [code[0] for code in codes[:5]] == [0, 1, 2, 3, 4]
    assert len({tuple(code[:3]) for code in codes[5:11]}) == 6
    assert {tuple(code[:3]) for code in codes[11:]} <= {tuple(code[:3]) for code in codes[5:11]}
    assert memory["beam"].shape == (6, 3)
    assert sum(accuracies[-12:]) / 12 > sum(accuracies[:5]) / 5 + 1


def test_an_open_choice_is_the_mean_of_its_options() -> None:
    found = encoded(torch.tensor([[1, 0], [0, -1]]), [2, 4])
    assert found.tolist() == [[0, 1, 1, 0, 0, 0], [1, 0, 0.25, 0.25, 0.25, 0.25]]
    assert found.dtype == torch.float64


def test_ranks_have_mean_0_and_deviation_1_and_ties_share_theirs() -> None:
    found = ranks(torch.tensor([10.0, 90.0, 10.0, 91.0]).double())
    places = torch.tensor([1.5, 3.0, 1.5, 4.0]).double()
    expected = (places - places.mean()) / places.std(correction=0)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert ranks(torch.full((3,), 5.0).double()).tolist() == [0, 0, 0]


def fitted(surrogate: Surrogate, seed: int, trials: int = 80, shares: torch.Tensor | None = None):
    codes = torch.tensor([uniform(CHOICES, draw(step)) for step in range(trials)])
    values = torch.tensor([worth(code) for code in codes.tolist()]).double()
    shares = torch.ones(surrogate.members, trials).double() if shares is None else shares
    return surrogate.fit(codes, values, shares, generator(seed, "fit"), SIZES)


def test_the_predictor_learns_a_separable_function() -> None:
    new = torch.tensor([uniform(CHOICES, draw(10_000 + step)) for step in range(200)])
    values = [worth(code) for code in new.tolist()]
    predictions = fitted(Surrogate(), 0)(new)
    assert predictions.shape == (5, 200)
    assert kendalltau(predictions.mean(dim=0), values).statistic > 0.75
    before = fitted(Surrogate(predictor_steps=1, predictor_lr=1e-9), 0)(new)
    assert abs(kendalltau(before.mean(dim=0), values).statistic) < 0.3


def test_the_predictor_is_a_function_of_its_generator_and_its_members_differ() -> None:
    new = torch.tensor([uniform(CHOICES, draw(step)) for step in range(100, 110)])
    surrogate = Surrogate(**QUICK)
    first, again, other = (fitted(surrogate, seed)(new) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first[0], first[1])


def test_a_member_sees_only_its_share_of_the_trials() -> None:
    """Fitted alone to these, with the same initial weights, it is the same."""
    surrogate = Surrogate(members=1, predictor_width=8, predictor_steps=20)
    half = torch.zeros(1, 20).double()
    half[0, :10] = 1
    codes = torch.tensor([uniform(CHOICES, draw(step)) for step in range(20)])
    values = torch.arange(20).double()
    ours = surrogate.fit(codes, values, half, draw(0), SIZES)
    swapped = surrogate.fit(codes[torch.arange(20).roll(3)], values, half, draw(0), SIZES)
    changed = codes.clone()
    changed[10:] = 0
    same = surrogate.fit(changed, values, half, draw(0), SIZES)
    assert torch.equal(ours(codes), same(codes))
    assert not torch.equal(ours(codes), swapped(codes))


def test_adam_is_torch_s() -> None:
    ours = torch.randn(7, generator=draw(0), dtype=torch.float64)
    theirs = torch.nn.Parameter(ours.clone())
    reference, mean, square = torch.optim.Adam([theirs], lr=0.02), torch.zeros_like(ours), torch.zeros_like(ours)
    for step in range(1, 6):
        theirs.grad = torch.randn(7, generator=draw(step), dtype=torch.float64)
        reference.step()
        adam(ours, theirs.grad, mean, square, 0.02, step)
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-12, atol=1e-12)


def test_the_members_of_pnas_leave_out_one_part_each() -> None:
    from methods.strategies.pnas import _folds

    shares = _folds(5, 22, draw(0))
    assert shares.sum(dim=0).tolist() == [4] * 22
    assert sorted((22 - shares.sum(dim=1)).tolist()) == [4, 4, 4, 5, 5]
    assert _folds(5, 1, draw(0)).tolist() == [[1.0]] * 5


def test_thompson_sampling_draws_each_candidate_from_the_members_own_normal() -> None:
    predictions = torch.tensor([[0.0, 5.0], [2.0, 5.0], [4.0, 5.0]]).double()
    drawn = torch.stack([Bananas().acquisition(predictions, draw(step)) for step in range(4000)])
    assert drawn[:, 0].mean() == pytest.approx(2, abs=0.1)
    assert drawn[:, 0].std() == pytest.approx((8 / 3) ** 0.5, abs=0.06)
    assert drawn[:, 1].tolist() == [5.0] * 4000  # where the members agree, nothing is left to chance
    assert torch.equal(Bananas().acquisition(predictions, draw(1)), drawn[1])
    assert Npenas().acquisition(predictions, draw(0)).tolist() == [2, 5]


def test_candidates_are_new_mutations_of_the_best_trials() -> None:
    codes = [list(uniform(CHOICES, draw(step))) for step in range(12)]
    so_far = history(codes, [float(i) for i in range(12)])
    distance = lambda a, b: sum(x != y for x, y in zip(a, b, strict=True))  # noqa: E731
    found = Bananas(candidates=4)._mutations(CHOICES, so_far, draw(99))
    assert len(found) == len(set(found)) == 4
    assert {distance(code, codes[11]) for code in found[:3]} == {1}
    more = Bananas(candidates=60)._mutations(CHOICES, so_far, draw(99))
    assert len(more) == 60  # one cell has 24
    assert all(min(distance(code, codes[11 - i]) for i in range(5)) == 1 for code in more)
    assert any(distance(code, codes[11]) > 1 for code in more)
    assert not set(more) & set(map(tuple, codes))


@pytest.mark.parametrize("strategy", [Bananas, Npenas])
def test_a_predictor_s_choice_is_that_of_its_best_candidates(strategy) -> None:
    guided = strategy(initial=12, every=4, candidates=30, **QUICK)
    codes, _, accuracies, memory = play(guided, 12 + 9)
    assert codes[:12] == play(Random(), 12)[0]
    so_far = history(codes[:12], accuracies[:12])
    draws = draw(12)
    drawn = torch.tensor(guided._mutations(CHOICES, so_far, draws))
    predictor = guided.fit(so_far.codes, so_far.accuracies, torch.ones(3, 12).double(), draws, SIZES)
    values = guided.acquisition(predictor(drawn), draws).tolist()
    best = sorted(range(len(values)), key=lambda i: -values[i])[:4]
    assert codes[12:16] == drawn[best].tolist()
    assert len(memory["queue"]) == 3  # of the third choice one was tried


@pytest.mark.parametrize("strategy", [partial(Bananas, initial=6, every=5), partial(Npenas, initial=6, every=5)])
def test_guided_search_beats_random_search(strategy) -> None:
    guided, plain = (play(s, 41)[2] for s in (strategy(**QUICK), Random()))
    assert sum(guided[-20:]) / 20 > sum(plain[-20:]) / 20 + 2


@pytest.mark.parametrize(
    "strategy",
    [
        Bananas(initial=3, every=4, candidates=9, **QUICK),
        Npenas(initial=3, every=4, candidates=9, **QUICK),
        Pnas(beam=4, **QUICK),
        LocalSearch(),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_nothing_is_asked_twice_until_the_space_is_used_up(strategy) -> None:
    choices = ((2,), (3, 2))
    whole = prod(flat(choices))
    codes = [tuple(code) for code in play(strategy, whole + 3, choices, lambda code: float(sum(code)))[0]]
    assert len(set(codes[:whole])) == whole


def test_a_queue_is_taken_from_its_head() -> None:
    memory = {"queue": torch.tensor([[1, 2], [3, 4]]), "more": torch.ones(1)}
    first = from_queue(memory)
    assert (first.code, first.epochs, first.memory["queue"].tolist()) == ((1, 2), 0, [[3, 4]])
    assert first.memory["more"] is memory["more"]
    assert len(memory["queue"]) == 2
    assert from_queue({"queue": torch.zeros(0, 2)}) is None


def test_unseen_gives_up_on_a_space_that_is_used_up() -> None:
    assert {unseen(((2,),), {(0,)}, draw(step)) for step in range(5)} == {(1,)}
    assert unseen(((2,),), {(0,), (1,)}, draw(0)) in {(0,), (1,)}


def test_neighbours_differ_in_one_choice() -> None:
    assert set(neighbours(((2, 1), (3,)), (0, 0, 1))) == {(1, 0, 1), (0, 0, 0), (0, 0, 2)}
    assert len(neighbours(CHOICES, (0,) * 6)) == len(set(neighbours(CHOICES, (0,) * 6))) == 24


def test_local_search_finds_the_optimum_of_a_convex_table_with_as_many_queries_as_it_has_new_neighbours() -> None:
    """worth() is separable, so every move sets one choice right; the plain loop of the paper counts."""
    codes, _, accuracies, _ = play(LocalSearch(), 400)
    centre, seen, order = tuple(codes[0]), {tuple(codes[0])}, [1]
    while True:
        around = neighbours(CHOICES, centre)
        new = set(around) - seen
        seen |= new
        order.append(len(new))
        best = max(around, key=worth)
        if worth(best) <= worth(centre):
            break
        centre = best
    wrong = sum(option != 3 for option in codes[0])
    assert wrong > 1
    assert centre == (3,) * 6
    assert order[:3] == [1, 24, 20]  # of a choice that was moved, all five options are known
    assert len(order) == wrong + 2
    assert set(map(tuple, codes[: sum(order)])) == seen
    assert max(accuracies[: sum(order)]) == worth((3,) * 6)
    assert tuple(codes[sum(order)]) not in neighbours(CHOICES, centre)  # it began anew


def test_local_search_leaves_a_local_optimum_by_beginning_anew() -> None:
    """Two options a choice: 00 and 11 are optima, neighbours of both are worse."""
    value = {(0, 0): 2.0, (1, 1): 3.0, (0, 1): 1.0, (1, 0): 1.0}
    codes = [tuple(code) for code in play(LocalSearch(), 4, ((2,), (2,)), lambda code: value[tuple(code)])[0]]
    assert len(set(codes)) == 4
