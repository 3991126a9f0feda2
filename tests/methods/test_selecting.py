"""The search after training: what the strategies propose, how candidates are scored, and that it is resumed to the
bit."""

from __future__ import annotations

import itertools

import pytest
import torch
from toy import ToyDataset, run_to_end, same, small_settings
from trials import CHOICES, draw, history, play, worth

from harness.core.errors import HarnessError
from harness.core.rng import generator
from harness.core.types import Budget, Cost
from methods import METHODS
from methods.rankings.shared_weights import SharedWeights
from methods.search.search import Search
from methods.search.selecting import log_probabilities, trained
from methods.strategies.genetic import Genetic, crossover, mutant
from methods.strategies.most_probable import MostProbable, code_of
from methods.strategies.sets import Sets
from methods.strategies.strategy import Known, flat
from spaces import SPACES
from spaces.paths import path_gates

NB201 = SPACES["nasbench201"]
SMALL = {"ranking_batches": 2, "ranking_batch": 8, "recalibration_batches": 2, "recalibration_batch": 8}


def known(trials=10, legal=lambda code: True, nodes=()):
    return Known(trials, legal, lambda: nodes)


def search_of(method, budget=None, **settings):
    values = small_settings(method, "nasbench201", epochs=1, **SMALL, **settings)
    parts = METHODS[method].parts(NB201, budget or Budget(), user=values)
    return Search(parts, NB201, ToyDataset(), 0, budget=budget)


def named(space, rows):
    """Strengths by the names of the operations."""
    return [dict(zip(edge.operations, row, strict=True)) for edge, row in zip(space.edges, rows, strict=True)]


def test_sets_try_the_best_of_each_again_for_longer():
    codes, epochs, accuracies, _ = play(Sets(set_size=6, finalists=2), 16)
    assert epochs == [0] * 6 + [1] * 2 + [0] * 6 + [1] * 2
    for first in (0, 8):
        best = sorted(range(first, first + 6), key=lambda i: -accuracies[i])[:2]
        assert codes[first + 6 : first + 8] == [codes[i] for i in best]
    done = history(codes, accuracies, epochs)
    assert done.best in (6, 7, 14, 15)
    with pytest.raises(HarnessError, match=r"10 trials end before the finalists .* = 8"):
        Sets(set_size=6, finalists=2).informed(known(10))
    with pytest.raises(HarnessError, match="finalists=7 is more than set_size=6"):
        Sets(set_size=6, finalists=7).start(CHOICES, draw(0))


def test_a_crossover_has_every_gene_of_one_of_two_parents_and_a_mutant_keeps_most():
    parents = [(0,) * 6, (4,) * 6]
    children = {crossover(parents, draw(step)) for step in range(200)}
    assert all(set(child) <= {0, 4} for child in children)
    assert (0,) * 6 in children  # the parents may be one and the same
    assert len(children) > 40
    assert mutant(parents[:1], [5] * 6, 0.0, draw(0)) == parents[0]
    drawn = torch.tensor([mutant(parents[:1], [5] * 6, 0.1, draw(step)) for step in range(500)])
    assert (drawn != 0).double().mean() == pytest.approx(0.1 * 4 / 5, abs=0.02)  # a gene may be drawn as it was
    assert all(0 <= gene < 5 for gene in drawn.flatten().tolist())


def test_generations_are_mutants_and_crossovers_of_the_best_so_far_and_random_ones():
    strategy = Genetic(population=6, parents=2, mutants=2, mutation_rate=1e-9, crossovers=2)
    parents = [(0, 0, 0, 0, 0, 0), (3, 3, 3, 3, 3, 3)]
    tried = [*parents, *((4, 4, 4, 4, 4, number) for number in range(4))]
    so_far = history([list(code) for code in tried], [90.0, 80.0, 1.0, 2.0, 3.0, 4.0])
    queue = strategy._generation(CHOICES, so_far, draw(1)).tolist()
    assert len(queue) == 6  # a mutant that is its parent was tried: random ones come in its place
    assert all(set(code) <= {0, 3} for code in queue[:2])
    assert not {tuple(code) for code in queue} & set(tried)
    codes, _, accuracies, _ = play(Genetic(population=10, parents=3, mutants=4, crossovers=4), 100)
    assert len(set(map(tuple, codes))) == 100
    assert max(accuracies[50:]) > max(accuracies[:10])
    assert max(accuracies) >= worth((3,) * 6) - 1.5


def test_what_is_not_legal_is_never_bred_and_an_exhausted_space_is_said():
    limited = Genetic(population=4, parents=2, mutants=1, crossovers=1).informed(known(legal=lambda code: code[0] == 2))
    codes, *_ = play(limited, 12)
    assert all(code[0] == 2 for code in codes)
    few = Genetic(population=4, parents=1, mutants=0, crossovers=0)
    with pytest.raises(HarnessError, match="after 4 trials no other genotype"):
        play(few, 5, choices=((2,), (2,)), score=sum)
    with pytest.raises(HarnessError, match="mutants=25 and crossovers=25 are more than population=10"):
        Genetic(population=10).start(CHOICES, draw(0))


def test_the_most_probable_genotypes_come_first_where_they_can_be_enumerated():
    alpha = torch.randn(6, 5, generator=draw(0), dtype=torch.float64).log_softmax(dim=1)
    strengths = [
        dict(zip(edge.operations, row.exp().tolist(), strict=True))
        for edge, row in zip(NB201.edges, alpha, strict=True)
    ]
    nodes = log_probabilities(NB201, strengths)
    assert [len(node) for node in nodes] == [5, 25, 125]
    codes, *_ = play(MostProbable().informed(known(nodes=nodes)), 30)
    every = itertools.product(range(5), repeat=6)
    ranked = sorted(every, key=lambda code: -float(sum(alpha[row, column] for row, column in enumerate(code))))
    assert [tuple(code) for code in codes] == ranked[:30]
    assert code_of(7, ((5,), (5, 5))) == (0, 1, 2)
    with pytest.raises(HarnessError, match="goes by an alpha"):
        MostProbable().start(CHOICES, draw(0))


def test_elsewhere_they_are_sampled_as_often_as_alpha_says():
    space = SPACES["s1"]
    strengths = [
        {name: 0.9 if column == 0 else 0.1 for column, name in enumerate(edge.operations)} for edge in space.edges
    ]
    nodes = log_probabilities(space, strengths)
    assert [len(node) for node in nodes[:2]] == [4, 12]
    strategy = MostProbable(enumerable=10).informed(known(nodes=nodes))
    codes, *_ = play(strategy, 100, choices=space.choices, score=sum)
    assert len(set(map(tuple, codes))) == 100
    options = torch.tensor(codes)[:, [place for place in range(24) if place % 3]]
    assert (options == 0).double().mean() == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("mode", ["batch", "recalibrated", "running"])
def test_a_score_is_the_accuracy_under_the_statistics_that_the_mode_says(mode):
    """Against the supernet itself, by hand; the supernet stays what it is."""
    ours = search_of("spos", ranked=4)
    state = ours.advance(ours.start())
    before = state.weights.clone(), state.statistics.clone()
    model, gates, cost = ours.supernets.model, path_gates(NB201, (3, 1, 2, 4, 1, 3)), Cost()
    ranking = SharedWeights(batch_norm=mode, common_batches=True, **SMALL)
    score = ranking.score(trained(ours.supernets, ours.images, cost), gates, 5, 0)
    assert torch.equal(state.weights, before[0])
    assert torch.equal(state.statistics, before[1])
    assert cost.forwards == (4 if mode == "recalibrated" else 2)
    assert cost.backwards == 0
    again = ranking.score(trained(ours.supernets, ours.images, cost), gates, 6, 0)
    assert again == score  # the batches are common

    twin = ours.supernets.scratch  # it still has the statistics of the score
    norms = [m for m in twin.module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    left = [torch.stack([norm.running_mean, norm.running_var]) for norm in norms]
    assert {norm.momentum for norm in norms} == {0.1}
    twin.copy_from(model)
    with torch.no_grad():
        if mode == "recalibrated":
            means = [torch.zeros(2, norm.num_features) for norm in norms]
            for step in range(2):
                seen = {}
                hooks = [
                    norm.register_forward_pre_hook(lambda _, x, i=i, seen=seen: seen.setdefault(i, []).append(x[0]))
                    for i, norm in enumerate(norms)
                ]
                twin.module.train()
                twin(ours.images.of_weights("recalibration", 8).at(step)[0], gates, None)
                for hook in hooks:
                    hook.remove()
                for i, (x,) in seen.items():
                    means[i] += torch.stack([x.mean((0, 2, 3)), x.var((0, 2, 3))]) / 2
            twin.copy_from(model)
            for i in seen:
                assert torch.allclose(left[i], means[i], atol=1e-6)
            for norm, (mean, variance) in zip(norms, means, strict=True):
                norm.running_mean.copy_(mean)
                norm.running_var.copy_(variance)
        twin.module.train(mode == "batch")
        order = torch.randperm(len(ours.images.valid), generator=generator(0, "ranking/order", 0))
        correct = 0
        for rows in order[:16].split(8):
            images, labels = ours.images.valid.batch(rows, None)
            correct += int((twin(images, gates, None).argmax(dim=1) == labels).sum())
    assert score == 100 * correct / 16


def test_whole_passes_are_over_all_of_alphas_images_and_candidates_have_batches_of_their_own():
    ours = search_of("spos", ranked=4)
    ours.start()
    seen: list[list[int]] = []

    class Spied:
        def __len__(self):
            return 20

        def batch(self, indices, augment):
            assert augment is None
            seen.append(indices.tolist())
            return ours.images.valid.batch(indices % len(ours.images.valid), None)

    at = trained(ours.supernets, ours.images, Cost())
    at = type(at)(**{**vars(at), "valid": Spied()})
    gates = path_gates(NB201, (3,) * 6)
    own = SharedWeights(common_batches=False, ranking_batches=1, ranking_batch=8)
    for number in range(3):
        own.score(at, gates, number, 0)
    assert sorted(itertools.chain(*seen)) == list(range(20))
    seen.clear()
    own.score(at, gates, 7, 1.0)
    assert sorted(itertools.chain(*seen)) == list(range(20))
    seen.clear()
    own.score(at, gates, 7, 0.5)
    assert len(seen) == 2


def test_the_phase_is_resumed_to_the_bit_and_finds_the_best():
    settings = {"ranked": 8, "population": 4, "parents": 2, "mutants": 1, "crossovers": 2}
    ours = search_of("spos", **settings)
    state = run_to_end(ours)
    scores = state.selection["scores"]
    best = NB201.decode(state.selection["codes"][int(scores.argmax())].tolist())
    assert ours.genotype(state) == best
    last = state.records[-1]
    assert (last["genotype"], last["selection"]["ranked"]) == (str(best), 8)
    assert last["selection"]["best_score"] == float(scores.max())
    assert "batch norm recalibrated" in last["selection"]["by"]
    assert "8 candidates" in ours.how_found(state.records, "epochs")
    other = search_of("spos", **settings)
    middle = other.start()
    while middle.scored < 5:
        middle = other.advance(middle)
    assert len(middle.selection["memory"]["queue"]) == 3
    other = search_of("spos", **settings)
    assert same(run_to_end(other, other.restore(middle.to_dict())), state)


def test_budgets_end_it_and_one_candidate_is_always_ranked():
    late = search_of("spos", budget=Budget(seconds=1e-9), ranked=8)
    state = run_to_end(late)
    assert (state.stopped_by, state.scored, state.cost.weight_steps) == ("seconds", 1, 1)
    few = search_of("spos", budget=Budget(evaluations=3), ranked=8)
    state = run_to_end(few)
    assert (state.stopped_by, state.scored, state.cost.evaluations) == ("evaluations", 3, 3)


def test_what_cannot_be_is_said_before_anything_starts():
    for method, settings, said in (
        ("spos", {"ranked": 15_626}, "ranked=15626 is more than the 15,625 genotypes of nasbench201"),
        ("spos", {"ranked": 4, "most_macs": 7}, "most_macs=7 is below every network .* 7.8 million"),
        ("spos", {"ranked": 4, "path_macs_to": 7}, "no network of nasbench201 has 0 to 7 million"),
        (
            "spos",
            {"ranked": 4, "batch_norm": "frozen"},
            "batch_norm='frozen' is not one of batch, recalibrated, running",
        ),
        ("rsps", {"ranked": 7, "set_size": 4, "finalists": 2}, "7 trials end before the finalists"),
    ):
        with pytest.raises(HarnessError, match=said):
            search_of(method, **settings)


def test_a_limit_on_multiply_accumulates_holds_for_all_candidates():
    ours = search_of("setn", ranked=6, most_macs=20)
    state = run_to_end(ours)
    assert all(ours.selecting.legal(tuple(code)) for code in state.selection["codes"].tolist())
    assert state.scored == 6
    assert not ours.selecting.legal((3,) * 6)
    assert flat(NB201.choices) == [5] * 6
