"""Searches on a table that go together, to the bits that they have alone."""

from __future__ import annotations

import pytest
import torch
from toy import run_to_end
from toy_table import toy_table

from harness.core.types import Budget
from harness.tables.nasbench201_truth import NasBench201
from harness.testing.states import same
from methods import CATALOGUE, METHODS
from methods.composition import Composition
from methods.families import applies, make_search
from methods.pricing.expectation import expected, slopes
from methods.products import product
from methods.rules import RULES
from methods.tabular.data import TableData
from methods.tabular.lockstep import advance, fits
from spaces import SPACES

SPACE = SPACES["nasbench201-table"]
DATA = TableData("cifar10", NasBench201(toy_table()))
ERRORS = DATA.error_grid(200)
SHORT = Budget(2)
TOGETHER_RULES = [
    name
    for name, method in CATALOGUE.items()
    if isinstance(method, Composition)
    and applies(method, SPACE)
    and method.relaxation == "softmax"
    and method.objective == "none"
    and getattr(RULES[method.rule], "together", False)
]


def search_of(method: str, seed: int, budget: Budget = SHORT, **settings):
    parts = METHODS[method].parts(SPACE, budget, user={"updates": 3, **settings})
    return make_search(parts, SPACE, DATA, seed, "cpu", budget)


def gates(count: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(count, 6, 5, generator=draw, dtype=torch.float64).softmax(dim=2)


@pytest.mark.parametrize("candidates", [1, 3, 4, 16])
def test_a_contraction_has_the_bits_that_it_has_alone(candidates: int) -> None:
    searches = 64 // candidates + 5
    all_gates = gates(searches * candidates).view(searches, candidates, 6, 5)
    alone = torch.cat([expected(ERRORS, own[None].clone()) for own in all_gates])
    assert torch.equal(expected(ERRORS, all_gates), alone)


@pytest.mark.parametrize(("rows", "inner", "columns"), [(14, 30, 30), (1, 5, 3), (3, 1, 9)])
def test_a_product_has_the_bits_that_it_has_alone(rows: int, inner: int, columns: int) -> None:
    draw = torch.Generator().manual_seed(0)
    left = torch.randn(69, rows, inner, generator=draw, dtype=torch.float64)
    turned = torch.randn(69, columns, inner, generator=draw, dtype=torch.float64)
    found = product(left, turned.mT)
    torch.testing.assert_close(found, left @ turned.mT)
    assert torch.equal(found, torch.stack([product(own.clone(), of.mT) for own, of in zip(left, turned, strict=True)]))


def test_slopes_have_the_bits_that_they_have_alone() -> None:
    all_gates = gates(69)
    alone = torch.cat([slopes(ERRORS, own[None].clone()) for own in all_gates])
    assert torch.equal(slopes(ERRORS, all_gates), alone)
    traced = all_gates[0].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(expected(ERRORS, traced[None, None]).sum(), traced)
    torch.testing.assert_close(slopes(ERRORS, all_gates)[0], gradient)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        *((method, {}) for method in TOGETHER_RULES),
        ("zarts-cma", {"full_up_to": 0}),
        ("zarts-cma", {"cma_population": 2}),
    ],
)
def test_searches_go_together_to_the_bits_that_they_have_alone(method: str, settings: dict[str, int]) -> None:
    searches = {seed: search_of(method, seed, **settings) for seed in range(3)}
    assert all(map(fits, searches.values()))
    states = {seed: search.start() for seed, search in searches.items()}
    searches[0].advance(states[0])  # ahead of the others, as after a resume
    while advance(searches, states):
        pass
    for seed, state in states.items():
        assert state.stopped_by == "epochs"
        assert same(state, run_to_end(search_of(method, seed, **settings)))


def test_most_rules_go_together() -> None:
    assert len(TOGETHER_RULES) >= 14
    for method in ("gdas", "beta-darts"):
        assert not fits(search_of(method, 0))
    assert not fits(search_of("zarts-mgs", 0, oracle="sampled"))
    assert not fits(search_of("zarts-mgs", 0, objective="valid_loss + 0.1*log(flops/100M)"))
    assert not fits(search_of("zarts-mgs", 0, Budget(2, seconds=1.0)))


def test_searches_that_go_together_end_with_their_evaluations() -> None:
    budget = Budget(50, evaluations=22)
    searches = {seed: search_of("zarts-mgs", seed, budget) for seed in range(2)}
    states = {seed: search.start() for seed, search in searches.items()}
    while advance(searches, states):
        pass
    for seed, state in states.items():
        assert (state.stopped_by, state.cost.alpha_steps) == ("evaluations", 4)
        assert same(state, run_to_end(search_of("zarts-mgs", seed, budget)))


def test_searches_that_cannot_go_on_are_left_to_fail_alone() -> None:
    for budget, settings in ((Budget(1), {"alpha_lr": 1.7e308}), (Budget(1, evaluations=1), {"samples": 2})):
        method = "darts-1st" if "alpha_lr" in settings else "zarts-mgs"
        searches = {seed: search_of(method, seed, budget, **settings) for seed in range(2)}
        states = {seed: search.start() for seed, search in searches.items()}
        while advance(searches, states):
            pass
        assert not states
