"""Gumbel gates: one-hot, sampled from softmax(alpha), with the gradient of the soft relaxation at the same noise. Edges
normalised node by node."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from scipy.stats import chisquare
from toy import ToyDataset, small_settings, space_of

from harness.core.types import Budget
from methods import METHODS
from methods.relaxations.edge_normalised import EdgeNormalised
from methods.relaxations.gumbel import Gumbel
from methods.relaxations.softmax import Softmax
from methods.rules.rule import Move
from methods.schedules.clock import Clock
from methods.search.search import Search
from spaces import SPACES

WIDTHS = (3, 2, 3)
SPACE = space_of(WIDTHS)
ALPHA = torch.tensor([0.0, 1.0, -1.0, 0.5, 0.2, 0.3, 0.3, 0.9], dtype=torch.float64)
MIDDLE = Clock(25, 51, 0)


def draw(seed):
    return torch.Generator().manual_seed(seed)


def test_gates_are_exactly_one_hot_and_padding_is_never_chosen():
    for seed in range(200):
        gates = Gumbel().gates(ALPHA.float().requires_grad_(), SPACE, MIDDLE, draw(seed)).detach()
        assert gates.sum(1).tolist() == [1, 1, 1]
        assert set(gates.flatten().tolist()) == {0, 1}
        assert gates[1, 2] == 0


def test_the_gradient_is_that_of_the_soft_relaxation_at_the_same_noise():
    direction = torch.randn(3, 3, dtype=torch.float64, generator=draw(0))
    for seed in range(5):
        gradients = []
        for relax in (Gumbel().gates, Gumbel().soft):
            alpha = ALPHA.clone().requires_grad_()
            (relax(alpha, SPACE, MIDDLE, draw(seed)) * direction).sum().backward()
            gradients.append(alpha.grad)
        assert torch.equal(*gradients)
        assert gradients[0].abs().max() > 1e-3


def test_soft_gates_are_the_published_formula():
    """y = softmax((log softmax(alpha) + G) / temperature), per edge; G = -log(-log U), U uniform."""
    exponential = torch.empty(8, dtype=torch.float64).exponential_(generator=draw(3))
    uniform = torch.exp(-exponential)
    logits = torch.cat([row.log_softmax(0) for row in ALPHA.split(WIDTHS)]) - torch.log(-torch.log(uniform))
    soft = Gumbel().soft(ALPHA, SPACE, MIDDLE, draw(3))
    for row, expected, width in zip(soft, logits.split(WIDTHS), WIDTHS, strict=True):
        torch.testing.assert_close(row[:width], (expected / 5.05).softmax(0))


def test_operations_are_sampled_with_the_probabilities_of_softmax():
    """A chi-square test per edge, at three temperatures, which must not matter."""
    count = 3000
    for clock in (Clock(0, 50, 0), MIDDLE, Clock(49, 50, 0)):
        total = sum(Gumbel().gates(ALPHA, SPACE, clock, draw(1000 + seed)) for seed in range(count))
        for row, alpha, width in zip(total, ALPHA.split(WIDTHS), WIDTHS, strict=True):
            assert chisquare(row[:width], count * alpha.softmax(0)).pvalue > 1e-3


def test_the_temperature_falls_linearly_from_the_first_epoch_to_the_last():
    temperatures = [Gumbel().temperature_at(Clock(epoch, 50, 10)) for epoch in range(50)]
    assert temperatures == pytest.approx([10 - 9.9 * epoch / 49 for epoch in range(50)])
    assert Gumbel().temperature_at(Clock(0, 1, 0)) == 10


def test_normalised_edges_are_weighted_node_by_node():
    """alpha is the logits of all operations and then those of the edges; edges 0 and 1 enter one node, 2 another."""
    space, edges = space_of(WIDTHS, targets=[2, 2, 3]), torch.tensor([0.3, -0.2, 5.0], dtype=torch.float64)
    alpha = torch.cat([ALPHA, edges]).requires_grad_()
    assert EdgeNormalised().size(space) == len(alpha)
    gates = EdgeNormalised().gates(alpha, space, MIDDLE, draw(0))
    of_operations = Softmax().gates(ALPHA, space, MIDDLE, draw(0))
    weights = torch.cat([edges[:2].softmax(0), torch.ones(1)])
    torch.testing.assert_close(gates, of_operations * weights[:, None])
    torch.testing.assert_close(EdgeNormalised().strengths(alpha, space), gates)
    (gates * torch.randn(3, 3, dtype=torch.float64, generator=draw(1))).sum().backward()
    assert alpha.grad.isfinite().all()
    assert bool((alpha.grad[-3:] != 0).tolist() == [True, True, False])


def test_nodes_of_different_cells_are_not_one():
    """Two edges enter the first node of a cell, five the last: equal logits weigh a half here, a fifth there."""
    space = SPACES["darts"]
    gates = EdgeNormalised().strengths(torch.zeros(EdgeNormalised().size(space)), space)
    weights = [1 / edge.target for edge in space.edges]
    assert gates.sum(1).tolist() == pytest.approx(weights)


@dataclasses.dataclass(frozen=True)
class Probe:
    """A rule that asks for the losses of equal candidates, and keeps them."""

    seen: list

    def start(self, alpha):
        return {}

    def step(self, alpha, oracle, memory, clock, draw):
        self.seen.append(oracle.losses(alpha.expand(3, -1)))
        return Move(alpha, memory, {})


def test_candidates_share_the_noise_and_forwards_do_not(monkeypatch):
    settings = small_settings("gzas", "nasbench201", cadence=1, lr=0.0, lr_min=0.0, finetune_lr=0.05)
    parts = METHODS["gzas"].parts(SPACES["nasbench201"], Budget(epochs=1), user=settings)
    seen, sampled = [], []
    gates = Gumbel.gates

    def recorded(self, *arguments):
        sampled.append(gates(self, *arguments))
        return sampled[-1]

    monkeypatch.setattr(Gumbel, "gates", recorded)
    search = Search(dataclasses.replace(parts, rule=Probe(seen)), SPACES["nasbench201"], ToyDataset(), 0)
    state = search.start()
    for _ in range(2):
        state = search.advance(state)
    for losses in seen:
        assert losses.tolist() == [losses[0].item()] * 3
    steps = 2  # of fine-tuning, then the evaluation
    first = sampled[: 3 * (steps + 1)]
    for candidate in (1, 2):
        for i in range(steps + 1):
            assert torch.equal(first[i], first[candidate * (steps + 1) + i])
    per_update = [first[: steps + 1], sampled[len(first) + 1 : len(first) + 1 + steps + 1]]
    training = [sampled[len(first)], sampled[2 * len(first) + 1]]
    different = [*per_update[0], *per_update[1], *training]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(different, 2))
