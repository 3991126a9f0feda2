"""Gumbel gates: one-hot, sampled from softmax(alpha), with the gradient of the soft relaxation at the same noise."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from scipy.stats import chisquare
from toy import ToyDataset, small_settings

from harness.types import Budget
from methods import METHODS
from methods.relaxations import Gumbel
from methods.rules.rule import Move
from methods.schedules import Clock
from methods.search import Search
from spaces import SPACES

WIDTHS = (3, 2, 3)
ALPHA = torch.tensor([0.0, 1.0, -1.0, 0.5, 0.2, 0.3, 0.3, 0.9], dtype=torch.float64)
MIDDLE = Clock(25, 51, 0)


def draw(seed):
    return torch.Generator().manual_seed(seed)


def test_gates_are_exactly_one_hot_and_padding_is_never_chosen():
    for seed in range(200):
        gates = Gumbel().gates(ALPHA.float().requires_grad_(), WIDTHS, MIDDLE, draw(seed)).detach()
        assert gates.sum(1).tolist() == [1, 1, 1]
        assert set(gates.flatten().tolist()) == {0, 1}
        assert gates[1, 2] == 0


def test_the_gradient_is_that_of_the_soft_relaxation_at_the_same_noise():
    direction = torch.randn(3, 3, dtype=torch.float64, generator=draw(0))
    for seed in range(5):
        gradients = []
        for relax in (Gumbel().gates, Gumbel().soft):
            alpha = ALPHA.clone().requires_grad_()
            (relax(alpha, WIDTHS, MIDDLE, draw(seed)) * direction).sum().backward()
            gradients.append(alpha.grad)
        assert torch.equal(*gradients)
        assert gradients[0].abs().max() > 1e-3


def test_soft_gates_are_the_published_formula():
    """y = softmax((log softmax(alpha) + G) / temperature), per edge; G = -log(-log U), U uniform."""
    exponential = torch.empty(8, dtype=torch.float64).exponential_(generator=draw(3))
    uniform = torch.exp(-exponential)
    logits = torch.cat([row.log_softmax(0) for row in ALPHA.split(WIDTHS)]) - torch.log(-torch.log(uniform))
    soft = Gumbel().soft(ALPHA, WIDTHS, MIDDLE, draw(3))
    for row, expected, width in zip(soft, logits.split(WIDTHS), WIDTHS, strict=True):
        torch.testing.assert_close(row[:width], (expected / 5.05).softmax(0))


def test_operations_are_sampled_with_the_probabilities_of_softmax():
    """A chi-square test per edge, at three temperatures, which must not matter."""
    count = 3000
    for clock in (Clock(0, 50, 0), MIDDLE, Clock(49, 50, 0)):
        total = sum(Gumbel().gates(ALPHA, WIDTHS, clock, draw(1000 + seed)) for seed in range(count))
        for row, alpha, width in zip(total, ALPHA.split(WIDTHS), WIDTHS, strict=True):
            assert chisquare(row[:width], count * alpha.softmax(0)).pvalue > 1e-3


def test_the_temperature_falls_linearly_from_the_first_epoch_to_the_last():
    temperatures = [Gumbel().temperature_at(Clock(epoch, 50, 10)) for epoch in range(50)]
    assert temperatures == pytest.approx([10 - 9.9 * epoch / 49 for epoch in range(50)])
    assert Gumbel().temperature_at(Clock(0, 1, 0)) == 10


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
