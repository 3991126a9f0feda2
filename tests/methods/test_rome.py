"""ROME: sampled topologies and operations, the cell that they derive to, and steps on several samples."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import chisquare
from toy import ToyDataset, small_settings

from harness.core.types import Budget
from methods import METHODS
from methods.relaxations.gumbel import Gumbel
from methods.relaxations.relaxation import rows_of
from methods.relaxations.rome import RomeV1, RomeV2
from methods.samplers.accumulated import Accumulated
from methods.samplers.sampler import OfAlpha, Position
from methods.schedules.clock import Clock
from methods.search.search import Search
from spaces import SPACES

MIDDLE, LAST = Clock(25, 51, 0), Clock(50, 51, 0)
DARTS, NONE, S1, BENCHMARK = (SPACES[name] for name in ("darts", "darts-none", "s1", "nasbench201"))
ROME = {"v1": RomeV1(), "v2": RomeV2()}
INPUTS = (2, 3, 4, 5) * 2
PAIRS = {
    "v1": [list(itertools.combinations(range(n), 2)) for n in INPUTS],
    "v2": [[(i,) for i in range(n)] for n in INPUTS],
}


def draw(seed):
    return torch.Generator().manual_seed(seed)


def alpha_of(rome, space, seed=0):
    return torch.randn(rome.size(space), dtype=torch.float64, generator=draw(seed))


@pytest.mark.parametrize(("version", "logits"), [("v1", 1 + 3 + 6 + 10), ("v2", 14)])
def test_alpha_has_logits_of_the_topology_after_those_of_the_operations(version, logits):
    assert ROME[version].size(S1) == S1.dimension + 2 * logits
    assert ROME[version].size(BENCHMARK) == BENCHMARK.dimension


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("space", [DARTS, NONE, S1], ids=lambda space: space.name)
@pytest.mark.parametrize("version", ROME)
def test_a_sample_has_two_inputs_per_node_with_one_operation_each(version, space, dtype):
    for seed in range(50):
        alpha = 5 * alpha_of(ROME[version], space, seed).to(dtype)
        gates = ROME[version].gates(alpha.requires_grad_(), space, LAST, draw(seed)).detach()
        assert set(gates.flatten().tolist()) == {0, 1}
        rows = gates.sum(dim=1)
        assert [int(node.sum()) for node in rows.split(INPUTS)] == [2] * 8
        assert rows.max() == 1
        for row, edge in zip(gates.tolist(), space.edges, strict=True):
            assert all(name != "none" for name, gate in zip(edge.operations, row, strict=False) if gate)
            assert not any(row[len(edge.operations) :])


def test_the_benchmark_s_edges_are_all_used_and_its_operations_gdas_s():
    alpha = alpha_of(RomeV2(), BENCHMARK)
    for rome in ROME.values():
        gates = rome.gates(alpha, BENCHMARK, MIDDLE, draw(3))
        assert torch.equal(gates, Gumbel().gates(alpha, BENCHMARK, MIDDLE, draw(3)))


@pytest.mark.parametrize("version", ROME)
def test_operations_and_inputs_are_sampled_with_their_probabilities(version):
    """Chi-square: operations of the edges that are sampled; sets of inputs, those of version 2 with the probabilities
    of two draws without replacement, even where the softmax itself has only zeros left to rank."""
    count, rome = 2000, ROME[version]
    alpha = alpha_of(rome, NONE, seed=2)
    for clock in (MIDDLE, LAST):
        gates = torch.stack([rome.gates(alpha.float(), NONE, clock, draw(seed)) for seed in range(count)])
        logits = rows_of(alpha[: NONE.dimension], NONE.widths).clone()
        logits[:, 0] = -torch.inf  # `none`
        for row in (0, 4, 13, 27):
            total = gates[:, row].sum(dim=0)
            expected = total.sum() * logits[row].softmax(0)
            assert total[0] == 0
            assert chisquare(total[1:], expected[1:]).pvalue > 1e-3
        of_nodes = gates.sum(dim=2).split(INPUTS, dim=1)
        of_beta = alpha[NONE.dimension :].split([len(options) for options in PAIRS[version]])
        for inputs, beta in list(zip(of_nodes, of_beta, strict=True))[1:4]:
            pairs = list(itertools.combinations(range(inputs.shape[1]), 2))
            seen = [int((inputs[:, i] * inputs[:, k]).sum()) for i, k in pairs]
            p = beta.softmax(0)
            if version == "v2":
                p = torch.stack([p[i] * p[k] / (1 - p[i]) + p[k] * p[i] / (1 - p[k]) for i, k in pairs])
            assert sum(seen) == count
            assert chisquare(seen, count * p).pvalue > 1e-3


@pytest.mark.parametrize("version", ROME)
def test_the_gradient_is_that_of_a_times_b_each_straight_through(version):
    rome, space = ROME[version], S1
    alpha = alpha_of(rome, space).requires_grad_()
    weights = torch.randn(28, 2, dtype=torch.float64, generator=draw(1))
    found = rome.gates(alpha, space, MIDDLE, draw(5))
    (gradient,) = torch.autograd.grad((found * weights).sum(), alpha)
    tau, source = 10 - 9.9 / 2, draw(5)
    operations, beta = alpha[: space.dimension], alpha[space.dimension :]
    soft_a = Gumbel().soft(operations, space, MIDDLE, source)
    noise = -torch.empty(len(beta), dtype=torch.float64).exponential_(generator=source).log()
    hard = found.detach()
    a_of_sampled = torch.zeros(28, 2, dtype=torch.float64).scatter_(1, soft_a.argmax(1, keepdim=True), 1.0)
    b = torch.zeros(28, dtype=torch.float64)
    sizes, first = [len(options) for options in PAIRS[version]], 0
    for logits, options, width in zip((beta + noise).split(sizes), PAIRS[version], INPUTS, strict=True):
        for share, option in zip((logits / tau).softmax(0), options, strict=True):
            for i in option:
                b = b + torch.eye(28, dtype=torch.float64)[first + i] * share
        first += width
    of_b = hard.sum(dim=1)  # the product rule at the sampled values
    expected = (weights * (soft_a * of_b[:, None] + a_of_sampled * b[:, None])).sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, alpha)[0])
    assert gradient[-len(beta) :].abs().max() > 1e-3


def chosen(rome, alpha, space):
    """By node the edges of the cell that alpha derives to, and their operations."""
    strengths = rome.strengths(alpha, space)
    assert strengths.min() >= 0
    assert strengths.max() <= 1
    genotype = space.derive(strengths.tolist())
    return [{source: name for name, source in node} for _, cell in genotype.cells for node in cell.nodes]


@pytest.mark.parametrize("space", [DARTS, NONE, S1], ids=lambda space: space.name)
@pytest.mark.parametrize("version", ROME)
def test_the_cell_has_the_best_inputs_by_beta_and_the_best_operation_of_each(version, space):
    """However sure alpha is of the operations of other edges."""
    for seed in range(20):
        alpha = 4 * alpha_of(ROME[version], space, seed)
        betas = alpha[space.dimension :].split([len(options) for options in PAIRS[version]])
        operations = iter(zip(space.edges, alpha[: space.dimension].split(space.widths), strict=True))
        nodes = [list(itertools.islice(operations, width)) for width in INPUTS]
        for found, beta, options, node in zip(
            chosen(ROME[version], alpha, space), betas, PAIRS[version], nodes, strict=True
        ):
            best = sorted(range(len(beta)), key=lambda i: -float(beta[i]))[: 1 if version == "v1" else 2]
            wanted = {}
            for i in {i for number in best for i in options[number]}:
                edge, logits = node[i]
                names = [name for name in edge.operations if name != "none"]
                wanted[i] = max(names, key=lambda name: float(logits[edge.operations.index(name)]))
            assert found == wanted


def test_of_equal_pairs_the_first_is_derived_and_no_pair_that_is_in_neither():
    """Node 5 of the normal cell: the pairs (0, 4) and (1, 2) are best; edges 0 and 1 are no pair of them."""
    alpha = torch.zeros(RomeV1().size(DARTS), dtype=torch.float64)
    pairs = alpha[DARTS.dimension :].split([len(options) for options in PAIRS["v1"]])
    pairs[3][PAIRS["v1"][3].index((0, 4))] = pairs[3][PAIRS["v1"][3].index((1, 2))] = 2.0
    found = chosen(RomeV1(), alpha, DARTS)
    assert list(found[3]) == [0, 4]
    assert [list(node) for node in found[:3]] == [[0, 1]] * 3
    assert set(found[3].values()) == {DARTS.edges[0].operations[0]}


def test_of_equal_edges_the_first_two_are_derived():
    alpha = torch.zeros(RomeV2().size(DARTS), dtype=torch.float64)
    alpha[DARTS.dimension + 9 : DARTS.dimension + 14] = torch.tensor([0.0, 1.0, 2.0, 1.0, 1.0])
    assert sorted(chosen(RomeV2(), alpha, DARTS)[3]) == [1, 2]


def test_a_sampler_gives_alpha_s_own_gates():
    alpha = alpha_of(RomeV2(), S1)
    at = Position(alpha, RomeV2(), {}, S1, MIDDLE, 10)
    assert (OfAlpha().passes, Accumulated(4).passes) == (1, 4)
    for sampler in (OfAlpha(), Accumulated()):
        assert torch.equal(sampler.gates(0, at, draw(1)), RomeV2().gates(alpha, S1, MIDDLE, draw(1)))


def test_a_weight_step_sums_the_gradients_of_all_passes(monkeypatch):
    settings = small_settings("rome-v2", "nasbench201", subnetworks=3, alpha_subnetworks=2, clip=1e9, nesterov=False)
    parts = METHODS["rome-v2"].parts(BENCHMARK, Budget(epochs=1), user=settings)
    search, sampled = Search(parts, BENCHMARK, ToyDataset(), 0), []
    gates = Accumulated.gates

    def recorded(self, number, at, draw):
        sampled.append(gates(self, number, at, draw))
        return sampled[-1]

    monkeypatch.setattr(Accumulated, "gates", recorded)
    state = search.start()
    weights, model = state.weights.clone(), search.supernets.model
    model.bind(state.weights, state.statistics)
    state = search.advance(state)
    moved = (weights - state.weights) / search.parts.lr_at(Clock(0, 1, 0))
    assert len({tuple(one.flatten().tolist()) for one in sampled}) == 3
    state.weights.copy_(weights)
    model.module.train()
    images, labels = search.images.train_batches(0).at(0)
    total = torch.zeros_like(weights)
    for one in sampled:
        model.differentiate(F.cross_entropy(model(images, one, None), labels))
        total += model.gradient
    torch.testing.assert_close(moved, total + parts.training.weight_decay * weights, rtol=1e-3, atol=1e-4)
    assert (state.cost.weight_steps, state.cost.alpha_steps) == (1, 1)
    assert (state.cost.forwards, state.cost.backwards, state.cost.images) == (5, 5, 40)
    assert float(state.meters[2]) == 3 * 8
