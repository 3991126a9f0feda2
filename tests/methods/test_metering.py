"""What rules ask is counted in one place, on supernets and tables alike, and may be a budget."""

from __future__ import annotations

import io

import pytest
import torch
from toy import ToyDataset, run_to_end, same, small_settings
from toy_table import toy_table

from harness.core.errors import HarnessError
from harness.core.types import Budget, Cost
from harness.tables.nasbench201_truth import NasBench201
from methods import METHODS
from methods.families import make_search
from methods.tabular.data import TableData
from spaces import SPACES

TABLE = TableData("cifar10", NasBench201(toy_table()))
ON_TABLE = "nasbench201-table"
PER_UPDATE = {
    "darts-1st": (0, 1),
    "zarts-rs": (8, 0),
    "zarts-mgs": (4, 1),
    "zarts-gld": (16, 0),
    "zarts-cma": (14, 0),
    "zarts-spsa": (2, 0),
    "zarts-nes": (8, 0),
    "zarts-guided-es": (8, 1),
    "zarts-two-point": (2, 0),
    "zarts-sign": (5, 0),
    "zarts-zo-adam": (5, 0),
    "zarts-annealing": (2, 0),
}
"""Losses and gradients on the table, where alpha has 30 entries."""


def search_of(method: str, space: str, budget: Budget, **settings):
    on_table = space == ON_TABLE
    small = {} if on_table else small_settings(method, space)
    parts = METHODS[method].parts(SPACES[space], budget, user={**small, **settings})
    return make_search(parts, SPACES[space], TABLE if on_table else ToyDataset(32), 0, "cpu", budget)


def asked(state) -> tuple[int, int]:
    return state.cost.loss_evaluations, state.cost.gradient_evaluations


@pytest.mark.parametrize("method", PER_UPDATE)
def test_every_update_is_counted_on_a_table(method: str) -> None:
    state = run_to_end(search_of(method, ON_TABLE, Budget(2), updates=3))
    losses, gradients = PER_UPDATE[method]
    assert asked(state) == (6 * losses, 6 * gradients)
    assert state.records[0]["cost"]["loss_evaluations"] == 3 * losses
    assert (state.cost.forwards, state.cost.backwards) == (6 * (losses + gradients), 6 * gradients)


@pytest.mark.parametrize("method", ["darts-1st", "darts-2nd", "zarts-mgs", "gdas", "zarts-guided-es"])
def test_every_update_is_counted_on_a_supernet(method: str) -> None:
    """However many passes a loss or a gradient takes there."""
    state = run_to_end(search_of(method, "nasbench201", Budget(1)))
    losses, gradients = {"zarts-mgs": (4, 1), "zarts-guided-es": (8, 1)}.get(method, (0, 1))
    updates = state.cost.alpha_steps
    assert updates > 0
    assert asked(state) == (updates * losses, updates * gradients)
    assert state.cost.asked == updates * (losses + gradients)


@pytest.mark.parametrize(("evaluations", "updates"), [(5, 1), (9, 1), (10, 2), (19, 3), (20, 4), (24, 4), (29, 5)])
def test_a_table_is_searched_until_an_update_would_ask_for_too_much(evaluations: int, updates: int) -> None:
    """Four losses and a gradient each, two updates an epoch: a record of every epoch that moved alpha, and no other.
    Where the gradient is still paid for and the losses are not, the gradient is asked for, and nothing comes of it."""
    state = run_to_end(search_of("zarts-mgs", ON_TABLE, Budget(50, evaluations=evaluations), updates=2))
    assert (state.stopped_by, state.cost.alpha_steps) == ("evaluations", updates)
    assert state.cost.asked <= evaluations
    assert state.cost.loss_evaluations == 4 * updates
    assert [record["steps"] for record in state.records] == [2] * (updates // 2) + [1] * (updates % 2)
    same_but_longer = search_of("zarts-mgs", ON_TABLE, Budget(50), updates=2)
    straight = same_but_longer.start()
    for _ in range(updates):
        straight = same_but_longer.advance(straight)
    assert torch.equal(straight.alpha, state.alpha)


@pytest.mark.parametrize(("method", "updates", "spent"), [("zarts-spsa", 2, 4), ("darts-1st", 5, 5)])
def test_a_supernet_is_searched_until_an_update_would_ask_for_too_much(method: str, updates: int, spent: int) -> None:
    """Alpha-first and weights-first; the weight step that belongs to the update that is not made is."""
    search = search_of(method, "nasbench201", Budget(50, evaluations=5))
    state = run_to_end(search)
    assert (state.stopped_by, state.cost.alpha_steps, state.cost.asked) == ("evaluations", updates, spent)
    assert sum(record["alpha_updates"] for record in state.records) == updates
    assert state.records[-1]["steps"] > 0
    assert search.result(state).genotype.kinds == ("cell",)


def test_a_budget_that_is_enough_changes_nothing() -> None:
    for space in (ON_TABLE, "nasbench201"):
        ends = [run_to_end(search_of("zarts-spsa", space, Budget(1, evaluations=limit))) for limit in (None, 10_000)]
        assert same(*ends)
        assert ends[1].stopped_by == "epochs"
    exact = run_to_end(search_of("zarts-spsa", ON_TABLE, Budget(1, evaluations=8), updates=4))
    assert (exact.stopped_by, exact.cost.asked) == ("epochs", 8)


def test_a_resumed_search_keeps_to_the_budget() -> None:
    budget = Budget(50, evaluations=23)
    straight = run_to_end(search_of("zarts-mgs", ON_TABLE, budget, updates=3))
    search = search_of("zarts-mgs", ON_TABLE, budget, updates=3)
    state = search.start()
    while not state.stopped_by:
        saved = io.BytesIO()
        torch.save(state.to_dict(), saved)
        saved.seek(0)
        search = search_of("zarts-mgs", ON_TABLE, budget, updates=3)
        state = search.advance(search.restore(torch.load(saved, weights_only=True)))
    assert same(straight, state)


@pytest.mark.parametrize("space", [ON_TABLE, "nasbench201"])
def test_a_budget_that_pays_for_nothing_is_refused(space: str) -> None:
    with pytest.raises(HarnessError, match="a budget of 4 evaluations does not pay for one update of alpha"):
        run_to_end(search_of("zarts-mgs", space, Budget(2, evaluations=4)))
    with pytest.raises(HarnessError, match="the budget is 0 evaluations; give 1 or more"):
        Budget(evaluations=0)


def test_the_evaluations_of_a_black_box_method_are_its_trials() -> None:
    state = run_to_end(search_of("random-search", ON_TABLE, Budget(50, evaluations=3)))
    assert (state.stopped_by, state.cost.evaluations, len(state.records)) == ("evaluations", 3, 3)
    assert run_to_end(search_of("random-search", ON_TABLE, Budget(3, evaluations=3))).stopped_by == "epochs"


def test_costs_and_budgets_from_before_they_were_counted() -> None:
    now = Cost(weight_steps=3, loss_evaluations=5, gradient_evaluations=2)
    assert Cost.from_json(now.to_json()) == now
    before = {name: value for name, value in now.to_json().items() if not name.endswith("_evaluations")}
    assert Cost.from_json(before) == Cost(weight_steps=3)
    with pytest.raises(KeyError):
        Cost.from_json({name: value for name, value in before.items() if name != "forwards"})
    assert Budget().to_json(7) == {"epochs": 7, "seconds": None}
    assert Budget(seconds=2.0, evaluations=9).to_json(7) == {"epochs": 7, "seconds": 2.0, "evaluations": 9}
