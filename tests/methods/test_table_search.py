"""Searches of an alpha on a table: the exact objective, and what the rules make of it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from toy import ToyDataset, run_to_end
from toy_table import toy_table

from harness.core.errors import HarnessError
from harness.core.types import Budget, Cost
from harness.tables.nasbench201_truth import NasBench201
from methods import METHODS
from methods.composition import Composition
from methods.families import make_search, resolve
from methods.relaxations.relaxation import rows_of
from methods.tabular.data import TableData, open_data
from methods.tabular.search import TableOracle
from spaces import SPACES

SPACE = SPACES["nasbench201-table"]
TABLE = toy_table()
TRUTH = NasBench201(TABLE)
DATA = TableData("cifar10", TRUTH)
ERRORS = DATA.error_grid(200)
RULES = ("darts-1st", "zarts-rs", "zarts-mgs", "zarts-gld")


def oracle() -> TableOracle:
    return TableOracle(ERRORS, Cost())


def alphas(count: int) -> torch.Tensor:
    return torch.randn(count, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def search_of(method: str, seed: int = 0, epochs: int | None = None, **settings):
    budget = Budget(epochs)
    parts = METHODS[method].parts(SPACE, budget, user=settings)
    return make_search(parts, SPACE, DATA, seed, "cpu", budget)


def test_the_loss_is_the_mean_error_over_all_cells() -> None:
    """Cell by cell in plain Python, from the table's own columns."""
    batch = alphas(2)
    error = 1 - TABLE.column("cifar10-valid", "valid", 200, "mean") / 100
    for alpha, loss in zip(batch, oracle().losses(batch).tolist(), strict=True):
        p = alpha.view(6, 5).softmax(1).numpy()
        expected = sum(
            error[index] * np.prod([p[edge, operation] for edge, operation in enumerate(operations)])
            for index, operations in enumerate(TABLE.operations)
        )
        assert loss == pytest.approx(expected, abs=1e-12)


def test_one_cell_for_certain_has_that_cells_error() -> None:
    for index in (0, 1234, 15624):
        alpha = torch.zeros(6, 5, dtype=torch.float64)
        alpha[range(6), TABLE.operations[index]] = 1e3
        error = 1 - TABLE.accuracy(index, "cifar10-valid", "valid", 200, "mean") / 100
        assert float(oracle().losses(alpha.view(1, 30))) == pytest.approx(error, abs=1e-15)


def test_the_gradient_is_a_finite_difference() -> None:
    (alpha,), step = alphas(1), 1e-6
    moved = torch.cat([alpha + sign * step * torch.eye(30, dtype=torch.float64) for sign in (1, -1)])
    plus, minus = oracle().losses(moved).chunk(2)
    torch.testing.assert_close(oracle().gradient(alpha), (plus - minus) / (2 * step), rtol=1e-6, atol=1e-9)


def test_alphas_are_scored_together_as_one_by_one() -> None:
    batch = alphas(5)
    torch.testing.assert_close(oracle().losses(batch), torch.cat([oracle().losses(a[None]) for a in batch]))


def test_what_is_spent_is_counted() -> None:
    spent = oracle()
    spent.losses(alphas(5))
    spent.gradient(alphas(1)[0])
    assert (spent.cost.forwards, spent.cost.backwards, spent.cost.images) == (6, 1, 0)


def test_a_record_says_what_the_derived_cell_is_worth() -> None:
    search = search_of("zarts-gld", epochs=3, updates=20)
    state = run_to_end(search)
    result = search.result(state)
    for record in result.records:
        assert record["table"] == {
            "valid": TABLE.accuracy(record["genotype"], "cifar10-valid", "valid", 200, "mean"),
            "test": TABLE.accuracy(record["genotype"], "cifar10", "test", 200, "mean"),
        }
    assert result.records[-1]["valid_loss"] == pytest.approx(float(oracle().losses(state.alpha[None])))
    assert result.records[-1]["valid_loss"] < result.records[0]["valid_loss"]
    assert state.cost.alpha_steps == 60


@pytest.mark.parametrize("method", RULES)
def test_every_rule_finds_a_good_cell(method: str) -> None:
    """Better than 99 % of the cells by test accuracy, in a tenth of the default budget, on a table with one optimum."""
    test = TABLE.column("cifar10", "test", 200, "mean")
    quicker = {"darts-1st": {"alpha_lr": 3e-3}, "zarts-gld": {"smallest_radius": 0.004}}
    search = search_of(method, epochs=10, updates=50, **quicker.get(method, {}))
    index = TABLE.index(search.result(run_to_end(search)).genotype)
    assert (test > test[index]).mean() < 0.01


def test_lookaheads_coincide_without_weights() -> None:
    ends = [run_to_end(search_of(method, epochs=1, updates=10)).alpha for method in ("darts-1st", "darts-2nd")]
    assert torch.equal(*ends)


def test_the_other_training_and_data_set_are_other_objectives() -> None:
    batch = alphas(1)
    grids = [
        TableData(name, NasBench201(TABLE)).error_grid(epochs)
        for name in ("cifar10", "cifar100")
        for epochs in (12, 200)
    ]
    losses = [float(TableOracle(grid, Cost()).losses(batch)) for grid in grids]
    assert len(set(losses)) == 4
    assert float(search_of("zarts-gld", table_epochs="12").errors[0, 0, 0, 0, 0, 0]) == float(
        grids[0][0, 0, 0, 0, 0, 0]
    )


def test_seconds_end_a_search_after_the_update_that_used_them_up() -> None:
    parts = METHODS["darts-1st"].parts(SPACE, Budget())
    state = run_to_end(make_search(parts, SPACE, DATA, 0, "cpu", Budget(seconds=1e-9)))
    assert (state.stopped_by, state.cost.alpha_steps, len(state.records)) == ("seconds", 1, 1)


def test_a_step_that_leads_nowhere_stops_the_search() -> None:
    with pytest.raises(HarnessError, match="alpha is not finite after 10 updates"):
        run_to_end(search_of("darts-1st", epochs=1, updates=10, alpha_lr=1.7e308))


def test_what_a_table_does_not_fit() -> None:
    with pytest.raises(
        HarnessError, match="unknown data set of NAS-Bench-201's table 'cifar11'; did you mean 'cifar10'"
    ):
        open_data("cifar11")
    with pytest.raises(HarnessError, match="has no supernet, and this method's auxiliary-skip edge would need one"):
        METHODS["darts-minus"].parts(SPACE, Budget())
    for method, relaxation in (("fair-darts", "sigmoid"), ("pr-darts", "hard-concrete")):
        with pytest.raises(HarnessError, match=f"those of this method's {relaxation} relaxation are not; it runs on"):
            METHODS[method].parts(SPACE, Budget())
    with pytest.raises(HarnessError, match="path-depth objective needs"):
        resolve(Composition("", "", "adam", "first-order", objective="path-depth"), SPACE)
    with pytest.raises(HarnessError, match=r"is given methods\.tabular\.data\.open_data"):
        METHODS["darts-1st"](seed=0).search(SPACE, ToyDataset())
    with pytest.raises(HarnessError, match="is given a data set of images, not TableData"):
        METHODS["darts-1st"](seed=0).search(SPACES["s1"], DATA)


def test_the_public_face() -> None:
    result = METHODS["zarts-mgs"](seed=0, settings={"updates": 5}).search(SPACE, DATA, Budget(epochs=2))
    assert len(result.records) == 2
    assert len(result.alpha) == 30
    assert set(itertools.chain(*result.settings.values())) >= {"sigma", "updates", "table_epochs"}


SAMPLED = ("gzas", "snas", "drnas-darts-1st", "reinmax")


def oracle_of(method: str, update: int, name: str = "alpha", **settings) -> TableOracle:
    search = search_of(method, **settings)
    return search._oracle(search.start(), name, update, Cost())


@pytest.mark.parametrize("method", SAMPLED)
def test_the_loss_at_sampled_gates_is_the_sum_over_all_cells(method: str) -> None:
    """Cell by cell in plain Python, at the gates of one draw."""
    error = 1 - TABLE.column("cifar10-valid", "valid", 200, "mean") / 100
    alpha = alphas(1)[0]
    sampled = oracle_of(method, 7)
    gates = sampled.gates(alpha).numpy()
    expected = sum(
        error[index] * np.prod([gates[edge, operation] for edge, operation in enumerate(operations)])
        for index, operations in enumerate(TABLE.operations)
    )
    assert gates.sum(1) == pytest.approx(1)
    assert sampled.losses(alpha[None]).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("method", SAMPLED)
def test_all_of_an_update_share_a_draw_and_updates_do_not(method: str) -> None:
    alpha = alphas(1)[0]
    first, again, other, elsewhere = (
        oracle_of(method, update, name).gates(alpha)
        for update, name in ((7, "alpha"), (7, "alpha"), (8, "alpha"), (7, "validation"))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, elsewhere)
    losses = oracle_of(method, 7).losses(alpha.expand(3, -1))
    assert losses.tolist() == [losses[0].item()] * 3


def test_the_gradient_at_sampled_gates_is_a_finite_difference() -> None:
    (alpha,), step = alphas(1), 1e-6
    sampled = oracle_of("snas", 3, resource_weight=0.01)
    moved = torch.cat([alpha + sign * step * torch.eye(30, dtype=torch.float64) for sign in (1, -1)])
    plus, minus = sampled.losses(moved).chunk(2)
    torch.testing.assert_close(sampled.gradient(alpha), (plus - minus) / (2 * step), rtol=1e-5, atol=1e-9)


def test_the_mean_gradient_of_reinmax_is_the_exact_one() -> None:
    """The expected error is linear in the gates of every edge."""
    alpha, count = alphas(1)[0], 400
    search = search_of("reinmax")
    state = search.start()
    found = torch.stack([search._oracle(state, "alpha", update, Cost()).gradient(alpha) for update in range(count)])
    error = (found.mean(0) - oracle().gradient(alpha)) / (found.std(0) / math.sqrt(count))
    assert error.abs().max() < 5
    assert (oracle().gradient(alpha) / (found.std(0) / math.sqrt(count))).abs().max() > 5


def test_the_term_of_an_objective_is_added() -> None:
    """beta-DARTS' in the last of its epochs: 50 times the mean of the logarithms."""
    search = search_of("beta-darts", epochs=4)
    state, (alpha,) = search.start(), alphas(1)
    state.epoch = 3
    ours = search._oracle(state, "alpha", 0, Cost())
    logits = alpha.clone().requires_grad_()
    term = 50 * rows_of(logits, SPACE.widths).logsumexp(1).mean()
    torch.testing.assert_close(ours.losses(alpha[None]), oracle().losses(alpha[None]) + term.detach())
    (slope,) = torch.autograd.grad(term, logits)
    torch.testing.assert_close(ours.gradient(alpha), oracle().gradient(alpha) + slope)


def test_a_search_with_parts_that_came_later_has_them_in_its_spec_where_they_are_set() -> None:
    assert METHODS["darts-1st"].parts(SPACE, Budget()).settings().keys() == {"rule", "table"}
    assert METHODS["snas"].parts(SPACE, Budget()).settings().keys() == {"rule", "table", "relaxation", "objective"}
    assert METHODS["drnas-darts-1st"].parts(SPACE, Budget()).settings().keys() == {"rule", "table"}


def test_snas_begins_at_its_own_alpha_on_a_table() -> None:
    alpha = search_of("snas").start().alpha
    assert (alpha.dtype, alpha.mean().item()) == (torch.float64, pytest.approx(1, abs=0.01))
    assert 0 < (alpha - 1).abs().max() < 0.05


@pytest.mark.parametrize("method", ["gdas", "drnas-darts-1st", "reinmax", "snas"])
def test_sampled_searches_find_a_good_cell(method: str) -> None:
    """Better than 95 % of the cells by test accuracy."""
    test = TABLE.column("cifar10", "test", 200, "mean")
    search = search_of(method, epochs=20, updates=50, alpha_lr=0.01)
    index = TABLE.index(search.result(run_to_end(search)).genotype)
    assert (test > test[index]).mean() < 0.05
