"""REINFORCE: its mean over all samples against the derivative of the expected reward, its baselines by hand, and the
searches that it makes."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import pytest
import torch
from toy import ToyDataset, small_settings, space_of

from harness.core.errors import HarnessError
from harness.core.rng import generator
from harness.core.types import Budget, Cost
from harness.testing.states import equal
from methods import CATALOGUE, METHODS
from methods.composition import Composition
from methods.families import resolve
from methods.lookaheads.baseline import Baseline
from methods.lookaheads.lookahead import UpdateContext
from methods.lookaheads.reinforce import Reinforce
from methods.relaxations.policy import Sample
from methods.schedules.clock import Clock
from methods.search.search import Search
from methods.strategies.strategy import uniform
from methods.training.weights import PassResult, Training
from spaces import SPACES
from spaces.paths import path_code, path_gates

WIDTHS = (3, 2)
SPACE = space_of(WIDTHS)
ALPHA = torch.tensor([0.3, -0.5, 0.1, 0.8, -0.2], dtype=torch.float64)
ARCHITECTURES = list(product(range(3), range(2)))
BATCH = 8
CORRECT = dict(zip(ARCHITECTURES, (1, 4, 8, 0, 3, 6), strict=True))
"""How many of a batch each has right."""
ENTROPIES = dict(zip(ARCHITECTURES, (0.4, 0.1, 0.9, 0.3, 0.7, 0.2), strict=True))
WEIGHT = 0.5


def log_probability(alpha, architecture):
    logits = alpha.split(list(WIDTHS))
    return sum(row.log_softmax(dim=0)[i] for row, i in zip(logits, architecture, strict=True))


def gates_of(architecture):
    gates = torch.zeros(2, 3, dtype=torch.float64)
    gates[range(2), architecture] = 1.0
    return gates


class Scored:
    """A supernet whose accuracy is known for every architecture; it notes what it is given."""

    def __init__(self):
        self.batches = []

    def copy_from(self, other):
        pass

    def run(self, batch, gates, draw):
        self.batches.append(batch[0])
        right = CORRECT[tuple(gates.argmax(dim=1).tolist())]
        logits = torch.zeros(BATCH, 2).index_fill_(0, torch.arange(right), 0.0)
        logits[:right, 0], logits[right:, 1] = 1.0, 1.0
        return PassResult(torch.zeros(()), logits)


def context(forced, carried=None, objective=None, epoch=0, update=0):
    """An update whose samples are these."""

    def sample(alpha, name):
        architecture = forced[int(name.rpartition("/")[2])]
        entropy = torch.tensor(ENTROPIES[architecture], dtype=torch.float64)
        return Sample(gates_of(architecture), log_probability(alpha, architecture), entropy)

    labels = torch.zeros(BATCH, dtype=torch.int64)
    return UpdateContext(
        model=None,
        scratch=Scored(),
        momentum=None,
        gates=None,
        training=Training(),
        lr=0.0,
        train=None,
        valid=("shared", labels),
        batches=None,
        update=update,
        draw=lambda name: None,
        cost=Cost(),
        sample=sample,
        valid_batches=lambda number: (number, labels),
        carried=dict(carried or {}),
        epoch=epoch,
        **({"objective": objective} if objective else {}),
    )


def reward(architecture):
    return CORRECT[architecture] / BATCH + WEIGHT * ENTROPIES[architecture]


def mean_gradient(lookahead, objective=None, carried=None):
    """Over all that can be sampled."""
    count, total = lookahead.samples_per_update, torch.zeros_like(ALPHA)
    for forced in product(ARCHITECTURES, repeat=count):
        probability = math.prod(float(log_probability(ALPHA, one).exp()) for one in forced)
        total += probability * lookahead.oracle(context(forced, carried, objective)).gradient(ALPHA)
    return total


def exact_gradient(objective=None):
    """Of minus the expected reward, and of what the objective makes of the error beyond it."""
    alpha = ALPHA.clone().requires_grad_()
    loss = 0.0
    for architecture in ARCHITECTURES:
        probability = log_probability(alpha, architecture).exp()
        loss = loss - probability * reward(architecture)
        if objective:
            error = torch.tensor(1 - CORRECT[architecture] / BATCH, dtype=torch.float64)
            loss = loss + probability * (objective(error, alpha, gates_of(architecture)) - error)
    return torch.autograd.grad(loss, alpha)[0]


@pytest.mark.parametrize("begins", ["zero", "reward"])
@pytest.mark.parametrize(
    ("step", "moves", "share"),
    [
        ("sample", "before", 0.75),
        ("sample", "after", 1.0),
        ("epoch", "before", 0.75),
        ("epoch", "after", 1.0),
        ("update", "before", 1 - 0.25 / 2),  # half of the mean is the sample's own reward
        ("update", "after", 1.0),
    ],
)
def test_the_mean_over_all_samples_is_the_gradient_of_the_expected_reward(step, moves, share, begins):
    """A reward that has entered its own baseline counts so much less."""
    lookahead = Reinforce(2, WEIGHT, "each", 0.75, step, begins, moves)
    found = mean_gradient(lookahead, carried={"baseline": 0.4, "newest": 0.4, "epoch": 0})
    assert torch.allclose(found, share * exact_gradient(), atol=1e-14)


COSTS = torch.tensor([[0.3, 0.1, 0.9], [0.2, 0.7, 0.0]], dtype=torch.float64)


def with_a_sum(loss, alpha, gates):
    return loss + (gates * COSTS).sum() + alpha.square().sum()


def with_a_product(loss, alpha, gates):
    return loss * (1 + (gates * COSTS).sum() + alpha.square().sum())


@pytest.mark.parametrize("objective", [with_a_sum, with_a_product])
def test_what_an_objective_makes_of_the_error_is_a_cost_of_the_sample_and_has_its_own_gradient(objective):
    lookahead = Reinforce(1, WEIGHT, baseline_moves="after")
    assert torch.allclose(mean_gradient(lookahead, objective), exact_gradient(objective), atol=1e-14)
    lookahead = Reinforce(1, WEIGHT)
    (loss,) = lookahead.oracle(context([(2, 1)], objective=objective)).losses(ALPHA[None])
    error = torch.tensor(1 - CORRECT[2, 1] / BATCH, dtype=torch.float64)
    added = float(objective(error, ALPHA, gates_of((2, 1))) - error)
    assert float(loss) == pytest.approx(added - reward((2, 1)))


def test_the_losses_are_minus_the_mean_reward():
    lookahead, forced = Reinforce(3, WEIGHT), [(0, 0), (1, 1), (2, 0)]
    own = context(forced, {"baseline": 0.2})
    losses = lookahead.oracle(own).losses(torch.stack([ALPHA, 2 * ALPHA]))
    assert losses.tolist() == pytest.approx([-sum(map(reward, forced)) / 3] * 2)
    assert own.carried == {"baseline": 0.2}
    assert (own.cost.forwards, own.cost.backwards, own.cost.images) == (6, 0, 6 * BATCH)


def test_each_sample_has_a_batch_of_its_own_or_all_have_one():
    own = context([(0, 0)] * 3, update=5)
    Reinforce(3).oracle(own).gradient(ALPHA)
    assert own.scratch.batches == [15, 16, 17]
    own = context([(0, 0)] * 3)
    Reinforce(3, reward_batch="shared").oracle(own).gradient(ALPHA)
    assert own.scratch.batches == ["shared"] * 3


def compared(baseline, updates, epoch=0, carried=()):
    """The advantages of updates in one epoch, and what is carried then."""
    found, carried = [], dict(carried)
    for rewards in updates:
        advantages, carried = baseline.compared(rewards, carried, epoch)
        found.append(pytest.approx(advantages))
    return found, carried


def test_enas_moves_its_baseline_with_every_sample_and_then_compares():
    """b: 0, 0.1, 0.14, 0.026 from the rewards 1, 0.5, -1."""
    found, carried = compared(Baseline(0.9, "sample", "zero", "before"), [[1.0, 0.5], [-1.0]])
    assert found == [[0.9, 0.36], [-1.026]]
    assert carried == {"baseline": pytest.approx(0.026)}
    found, _ = compared(Baseline(0.9, "sample", "zero", "after"), [[1.0, 0.5], [-1.0]])
    assert found == [[1.0, 0.4], [-1.14]]


def test_proxylessnas_baseline_is_nearly_the_last_mean():
    """b: 0.5, then 0.5 + 0.99 (0.2 - 0.5)."""
    found, carried = compared(Baseline(0.01, "update", "reward", "before"), [[0.25, 0.75], [0.1, 0.3]])
    assert found == [[-0.25, 0.25], [0.1 - 0.203, 0.3 - 0.203]]
    assert carried == {"baseline": pytest.approx(0.203)}


def test_on_nasbench201_a_baseline_moves_from_epoch_to_epoch():
    baseline = Baseline(0.9, "epoch", "reward", "before")
    found, carried = compared(baseline, [[0.2, 0.6], [0.4]])
    assert found == [[0.0, 0.0], [0.0]]  # in the first epoch every reward is its own
    assert carried == {"newest": 0.4, "epoch": 0}
    found, carried = compared(baseline, [[0.5, 0.3], [0.1]], 1, carried)
    assert found == [[0.5 - 0.41, 0.3 - 0.39], [0.1 - 0.37]]  # a tenth of the way from 0.4
    assert carried == {"baseline": 0.4, "newest": pytest.approx(0.37), "epoch": 1}
    found, _ = compared(baseline, [[0.37]], 2, carried)
    assert found == [[0.0]]


def search(method, epochs=2, seconds=None, **settings):
    space, budget = SPACES["nasbench201"], Budget(epochs, seconds)
    quick = small_settings(method, "nasbench201", samples_per_update=3, baseline_begins="zero", **settings)
    parts = METHODS[method].parts(space, budget, [quick])
    return Search(parts, space, ToyDataset(24), 0, "cpu", budget)


def test_alpha_moves_after_the_weights_of_an_epoch_and_alone():
    ours = search("enas", updates_per_epoch=3, lstm_hidden=4)
    state, seen = ours.start(), []
    while state.epoch == 0:
        before = state.alpha.clone(), state.weights.clone(), state.statistics.clone(), dict(state.lookahead)
        state = ours.restore(state.to_dict())  # between updates, too
        state = ours.advance(state)
        now = state.alpha, state.weights, state.statistics, state.lookahead
        seen.append([not equal(*pair) for pair in zip(before, now, strict=True)])
    weights = ours.weight_steps(0)
    assert seen == [[False, True, True, False]] * weights + [[True, False, False, True]] * 3
    (record,) = state.records
    assert (record["steps"], record["alpha_updates"]) == (weights, 3)
    assert record["lookahead"] == state.lookahead
    assert (state.cost.weight_steps, state.cost.alpha_steps) == (weights, 3)
    assert state.cost.forwards == weights + 3 * 3
    assert ours.moves_alpha(0, weights)
    assert not ours.moves_alpha(0, weights - 1)


def test_a_search_that_is_not_finite_says_at_which_weight_step():
    ours = search("enas", updates_per_epoch=3, lstm_hidden=4)
    state = ours.start()
    for _ in range(ours.weight_steps(0)):
        state = ours.advance(state)
    state.weights.fill_(math.nan)
    with pytest.raises(HarnessError, match=f"epoch 1, step {ours.weight_steps(0)} on"):
        ours.check(ours.advance(state))


def test_the_baseline_is_part_of_what_a_search_goes_back_to():
    ours = search("proxyless-rl", 3, cadence=1, warmup=1)
    state = ours.start()
    while not state.stopped_by:
        state = ours.advance(state)
    state.keep_end([2])
    assert state.ends[2]["lookahead"] == state.lookahead != {}
    assert ours.restore(state.to_dict()).lookahead == state.lookahead


def test_what_cannot_learn_from_samples_is_refused():
    def composed(lookahead, relaxation, edge):
        method = Composition("", "", rule="adam", lookahead=lookahead, relaxation=relaxation, edge=edge)
        return resolve(method, SPACES["darts"])

    with pytest.raises(
        HarnessError, match="reinforce rewards samples by their probability, which the relaxation softm"
    ):
        composed("reinforce", "softmax", "sum")
    with pytest.raises(HarnessError, match="controller have no gradient, and the lookahead first-order takes one"):
        composed("first-order", "controller", "sparse")
    assert composed("reinforce", "categorical", "single-path")


def test_a_cell_is_the_best_of_what_the_controller_samples():
    ours = search("enas", 1, updates_per_epoch=1, lstm_hidden=4, ranked=5, ranking_batch=8)
    state = ours.start()
    while not state.stopped_by:
        state = ours.advance(state)
    alpha, codes, scores = state.alpha, state.selection["codes"], state.selection["scores"].tolist()
    drawn = [
        ours.parts.relaxation.gates(alpha, ours.space, Clock(0, 1, 0), generator(0, "selection", number))
        for number in range(5)
    ]
    assert all(
        torch.equal(gates, path_gates(ours.space, code)) for gates, code in zip(drawn, codes.tolist(), strict=True)
    )
    assert ours.genotype(state) == ours.space.decode(codes[scores.index(max(scores))].tolist())


@pytest.mark.parametrize("name", ["darts-none", "s2", "nasbench201"])
def test_a_genotype_is_known_by_its_gates(name):
    space = SPACES[name]
    for seed in range(3):
        code = uniform(space.choices, torch.Generator().manual_seed(seed))
        assert path_code(space, path_gates(space, code)) == code


def test_samples_that_are_no_genotypes_are_not_ranked():
    method = replace(CATALOGUE["darts-1st"], strategy="samples")
    parts = resolve(method, SPACES["nasbench201"], [small_settings("darts-1st", "nasbench201", ranked=5)])
    with pytest.raises(HarnessError, match="what the method's relaxation draws, and that is no genotype"):
        Search(parts, SPACES["nasbench201"], ToyDataset(24), 0)


def test_the_warm_up_has_a_cosine_of_its_own_and_alpha_waits_an_epoch_more():
    parts = METHODS["proxyless"].parts(SPACES["darts"], Budget())
    clocks = [parts.clock(epoch) for epoch in range(160)]
    rates = [parts.lr_at(clocks[epoch]) for epoch in (0, 20, 40, 100)]
    assert rates == pytest.approx([0.05, 0.025, 0.025, 0.0125])
    moving = [parts.schedule.trains_alpha(clock) for clock in clocks]
    assert moving == [False] * 41 + [True] * 119
    assert [parts.schedule.moves_alpha(clocks[41], step) for step in range(6)] == [True, *[False] * 4, True]
    with pytest.raises(HarnessError, match="warmup=40 leaves alpha no epoch of epochs=41"):
        METHODS["proxyless"].parts(SPACES["darts"], Budget(41))
