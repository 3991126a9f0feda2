"""Uniformly random paths: how often each is drawn, and what becomes of the weights that did not run."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare
from toy import ToyDataset, small_settings

from harness.core.errors import HarnessError
from harness.core.types import Budget
from methods import METHODS
from methods.relaxations.uniform import UniformPaths
from methods.samplers.sampler import Position
from methods.samplers.uniform import MILLION, Uniform
from methods.schedules.clock import Clock
from methods.search.search import Search
from methods.training.weights import Training
from spaces import SPACES
from spaces.edges import sparse
from spaces.operations import evaluate
from spaces.paths import path_macs

LIKELY = 1e-3
"""A probability that seeds which are as good as any do not fall below."""


def drawn(space, count, sampler=None):
    """The gates of so many weight steps."""
    sampler, draw = sampler or Uniform(), torch.Generator().manual_seed(0)
    at = Position(torch.zeros(0), UniformPaths(), {}, space, Clock(0, 1, 0), 10)
    return torch.stack([sampler.gates(0, at, draw) for _ in range(count)])


def test_every_operation_is_drawn_on_every_edge_as_often_on_nasbench201():
    gates = drawn(SPACES["nasbench201"], 600)
    assert (gates.sum(dim=2) == 1).all()
    for frequencies in gates.sum(dim=0):
        assert chisquare(frequencies).pvalue > LIKELY
    pairs = (gates[:, 0, :, None] * gates[:, 5, None, :]).sum(dim=0).flatten()
    assert chisquare(pairs).pvalue > LIKELY  # of two edges: they are independent


def test_every_pair_of_inputs_and_every_operation_is_drawn_as_often_in_the_darts_family():
    """Against the enumeration of a node's genotypes: 3 pairs of 3 inputs, 2 x 2 operations, `none` where it is asked
    for."""
    for sampler, options in ((Uniform(), 2), (Uniform(sample_none=True), 3)):
        gates = drawn(SPACES["s3"], 600, sampler)
        node = gates[:, 2:5].flatten(start_dim=1)  # the second node of the normal cell
        assert (node.sum(dim=1) == 2).all()
        kinds, counts = node.unique(dim=0, return_counts=True)
        assert len(kinds) == 3 * options**2
        assert chisquare(counts).pvalue > LIKELY
        assert (gates[:, 14:].sum(dim=(1, 2)) == 8).all()


def test_bins_of_multiply_accumulates_are_drawn_alike_and_a_limit_that_no_network_meets_is_refused():
    space, macs = SPACES["nasbench201"], path_macs(SPACES["nasbench201"], 10)
    sampler = Uniform(path_macs_from=20, path_macs_to=80, path_macs_step=30)
    counted = [macs(gates) / MILLION for gates in drawn(space, 150, sampler)]
    assert all(20 <= each <= 80 for each in counted)
    assert chisquare([sum(each <= 50 for each in counted), sum(each > 50 for each in counted)]).pvalue > LIKELY
    sampler.check(space, 10)
    for wrong, said in (
        (Uniform(path_macs_to=7), "no network of nasbench201 has 0 to 7 million .* they have 7.8 to 220.1 million"),
        (Uniform(path_macs_from=300, path_macs_to=400), "no network of nasbench201 has 300 to 400"),
        (Uniform(path_macs_from=30, path_macs_to=20), "path_macs_from=30 must be below path_macs_to=20"),
    ):
        with pytest.raises(HarnessError, match=said):
            wrong.check(space, 10)


def search(**settings):
    values = small_settings("spos", "nasbench201", epochs=1, ranked=4, **settings)
    parts = METHODS["spos"].parts(SPACES["nasbench201"], Budget(), user=values)
    return Search(parts, SPACES["nasbench201"], ToyDataset(), 0)


@pytest.mark.parametrize("untrained", ["spared", "decayed"])
def test_what_did_not_run_is_spared_or_decays_and_what_ran_is_trained_alike(untrained):
    """As under torch.optim.SGD with gradients that are None, or 0."""
    ours = search(untrained=untrained)
    state = ours.advance(ours.start())
    momentum = state.momentum.clone()
    before, at = state.weights.clone(), state.weights.clone().requires_grad_()
    optimizer = torch.optim.SGD([at], ours.parts.training.lr, 0.9, weight_decay=5e-4, nesterov=True)
    optimizer.state[at]["momentum_buffer"] = momentum.clone()
    state = ours.advance(state)
    model = ours.supernets.model
    idle = model.without_gradient()
    assert 0 < idle.sum() < len(idle)
    if untrained == "spared":
        assert torch.equal(state.weights[idle], before[idle])
        assert torch.equal(state.momentum[idle], momentum[idle])
    else:
        assert not torch.equal(state.weights[idle], before[idle])
    scale = (5 / (model.gradient.norm() + 1e-6)).clamp(max=1.0)
    at.grad = model.gradient * scale
    optimizer.step()
    chosen = ~idle if untrained == "spared" else torch.ones_like(idle)
    assert torch.allclose(state.weights[chosen], at.detach()[chosen], atol=1e-7)


def test_only_the_operations_of_the_path_run(monkeypatch):
    ran = []
    monkeypatch.setattr(sparse, "evaluate", lambda *arguments: ran.append(arguments) or evaluate(*arguments))
    ours = search()
    state = ours.advance(ours.start())
    assert len(ran) == 3 * 6  # an operation on each of 6 edges of 3 cells
    assert (state.cost.forwards, state.cost.backwards, state.cost.alpha_steps) == (1, 1, 0)


def test_sparing_is_a_step_for_the_others():
    weights, momentum, gradient = torch.ones(4), torch.full((4,), 0.5), torch.tensor([1.0, 0.0, 2.0, 0.0])
    plain, training = (weights.clone(), momentum.clone()), Training()
    training.step(*plain, gradient, 0.1)
    training.sparing(
        torch.tensor([False, True, False, True]),
        weights,
        momentum,
        lambda: training.step(weights, momentum, gradient, 0.1),
    )
    assert weights.tolist() == [plain[0][0], 1, plain[0][2], 1]
    assert momentum.tolist() == [plain[1][0], 0.5, plain[1][2], 0.5]
