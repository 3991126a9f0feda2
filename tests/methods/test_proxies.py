"""Zero-cost proxies by hand on tiny networks, in float64, and searches that are led by one."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn
from toy import ToyDataset, run_to_end

from harness.core.types import Budget
from methods import METHODS
from methods.blackbox.proxies import PROXIES, WORST, score
from methods.families import make_search
from spaces import SPACES
from spaces.counting import count


class Net(nn.Module):
    """Two linear layers on flattened images, rectified in between or not; batch norm where it is asked for."""

    def __init__(self, hidden: int = 3, classes: int = 2, relu: bool = True, norm: bool = False) -> None:
        super().__init__()
        self.first = nn.Linear(12, hidden, bias=False)
        self.norm = nn.BatchNorm2d(hidden) if norm else nn.Identity()
        self.relu = relu
        self.second = nn.Linear(hidden, classes, bias=False)

    def forward(self, x, draw=None):
        x = self.norm(self.first(x.flatten(1))[:, :, None, None]).flatten(1)
        return self.second(torch.relu(x) if self.relu else x)


@pytest.fixture
def batch():
    draw = torch.Generator().manual_seed(0)
    return torch.randn(4, 3, 2, 2, generator=draw, dtype=torch.float64), torch.tensor([0, 1, 1, 0])


def net(**options) -> Net:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Net(**options).double()


def of(name: str, network: nn.Module, batch) -> float:
    return score(name, network, *batch, torch.Generator())


@pytest.mark.parametrize("norm", [False, True])
def test_synflow_is_the_sum_over_paths_of_their_weights_once_for_each_layer(batch, norm: bool) -> None:
    """Every path has one weight in each of the two layers, and its product is found by both."""
    network = net(norm=norm)
    first, second = (layer.weight.detach().abs().tolist() for layer in (network.first, network.second))
    paths = sum(first[j][i] * second[k][j] for i, j, k in itertools.product(range(12), range(3), range(2)))
    assert of("synflow", network, batch) == pytest.approx(math.log(2 * paths), rel=1e-12)


def by_hand(network: Net, batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradients of the mean cross-entropy for the two weights, image by image."""
    w1, w2 = network.first.weight.detach(), network.second.weight.detach()
    d1, d2 = torch.zeros_like(w1), torch.zeros_like(w2)
    for image, label in zip(*batch, strict=True):
        before = w1 @ image.flatten()
        after = before.clamp(min=0)
        error = (w2 @ after).softmax(0) - torch.eye(2, dtype=torch.float64)[label]
        d2 += torch.outer(error, after) / 4
        d1 += torch.outer((w2.T @ error) * (before > 0), image.flatten()) / 4
    return d1, d2


def test_snip_and_grad_norm_are_made_of_explicit_gradients(batch) -> None:
    network = net()
    d1, d2 = by_hand(network, batch)
    w1, w2 = network.first.weight.detach(), network.second.weight.detach()
    salience = float((w1 * d1).abs().sum() + (w2 * d2).abs().sum())
    assert of("snip", network, batch) == pytest.approx(salience, rel=1e-10)
    assert of("grad-norm", network, batch) == pytest.approx(float(d1.norm() + d2.norm()), rel=1e-10)


def test_nwot_is_the_log_determinant_of_agreements() -> None:
    """Codes 111, 110, 001 of three images at three units: they agree 3 times with themselves, else 2, 1 and 0 times."""
    network = net()
    codes = torch.tensor([[1.0, 1, 1], [1, 1, -1], [-1, -1, 1]]).double()
    images = torch.zeros(3, 12).double()
    images[:, :3] = codes
    with torch.no_grad():
        network.first.weight.copy_(torch.eye(3, 12))
    found = of("nwot", network, (images.view(3, 3, 2, 2), torch.tensor([0, 1, 0])))
    kernel = torch.tensor([[3.0, 2, 1], [2, 3, 0], [1, 0, 3]]).double()
    assert found == pytest.approx(math.log(float(torch.linalg.det(kernel))), rel=1e-12)


def test_jacov_is_made_of_the_correlations_of_the_gradients_of_images(batch) -> None:
    network = net(hidden=8)
    rows = []
    for image in batch[0]:
        active = (network.first.weight @ image.flatten() > 0).double()
        rows.append((network.second.weight.sum(0) * active) @ network.first.weight)
    jacobian = torch.stack(rows).detach()
    centred = jacobian - jacobian.mean(dim=1, keepdim=True)
    unit = centred / centred.norm(dim=1, keepdim=True)
    values = torch.linalg.eigvalsh(unit @ unit.T) + 1e-5
    expected = -sum(math.log(value) + 1 / value for value in values.tolist())
    assert of("jacov", network, batch) == pytest.approx(expected, rel=1e-6)


def test_params_and_flops_are_what_the_network_counts(batch) -> None:
    assert of("params", net(), batch) == 12 * 3 + 3 * 2
    cell = SPACES["nasbench201"].network(SPACES["nasbench201"].decode((3,) * 6), 4, 1, 4)
    assert of("flops", cell, (torch.zeros(2, 3, 8, 8), torch.tensor([0, 1]))) == count(cell, 8).macs


def test_a_network_that_passes_nothing_on_is_the_worst(batch) -> None:
    for name in ("synflow", "nwot", "jacov"):
        network = net()
        with torch.no_grad():
            network.first.weight.zero_()
        assert of(name, network, batch) == WORST


def searched(proxy: str, space: str = "nasbench201", seed: int = 0, method: str = "random-search", epochs: int = 6):
    settings = {"channels": 2, "cells": 1 if space == "nasbench201" else 3, "batch": 8, "proxy": proxy}
    budget = Budget(epochs)
    parts = METHODS[method].parts(SPACES[space], budget, user=settings)
    return make_search(parts, SPACES[space], ToyDataset(24), seed, "cpu", budget)


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("space", ["nasbench201", "s4"])
def test_a_search_by_a_proxy_finds_the_cell_with_the_best_score(proxy: str, space: str) -> None:
    search = searched(proxy, space, epochs=3)
    state = run_to_end(search)
    assert state.records[-1]["best_score"] == float(state.accuracies.max())
    assert "best_accuracy" not in state.records[-1]
    assert torch.equal(run_to_end(searched(proxy, space, epochs=3)).accuracies, state.accuracies)
    if proxy == "params":
        networks = [
            search.space.network(search.space.decode(code), 2, search.parts.evaluator.cells, 4)
            for code in state.codes.tolist()
        ]
        assert state.accuracies.tolist() == [float(count(network, 8).parameters) for network in networks]


def test_any_black_box_method_takes_a_proxy_and_specs_without_one_are_as_they_were() -> None:
    state = run_to_end(searched("flops", method="rea", epochs=20))
    assert state.cost.evaluations == 20
    evaluator = searched("off").parts.settings()["evaluator"]
    assert "proxy" not in evaluator
    assert searched("snip").parts.settings()["evaluator"] == {**evaluator, "proxy": "snip"}
