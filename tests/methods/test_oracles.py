"""What a search on a table is told by each oracle, what it pays, and that methods are told apart by it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from tiny_table import Tiny
from toy import run_to_end
from toy_table import SEEDS, toy_table

from harness.core.errors import HarnessError
from harness.core.types import Budget, Cost
from harness.tables.nasbench201 import Table
from harness.tables.nasbench201_truth import NasBench201
from harness.testing.states import same
from methods import METHODS
from methods.families import make_search
from methods.lookaheads.lookahead import OfAlpha, cross_entropy_alone
from methods.relaxations.relaxation import rows_of
from methods.search.metering import UsedUp
from methods.tabular.data import TableData
from methods.tabular.looks import Asked, Looks, Purse, looks
from methods.tabular.sampled import SampledOracle
from methods.tabular.search import TableOracle
from spaces import SPACES

SPACE = SPACES["nasbench201-table"]
TABLE = toy_table()
DATA = TableData("cifar10", NasBench201(TABLE))
GRID = torch.rand(4, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
QUARTERS = ((0.25, 0.5, 0.0, 0.25), (0.75, 0.25))
LOGITS = torch.tensor([math.log(p) if p else -1e3 for row in QUARTERS for p in row], dtype=torch.float64)


def search_of(method: str, seed: int = 0, budget: Budget | None = None, data: TableData = DATA, **settings):
    parts = METHODS[method].parts(SPACE, budget or Budget(), user=settings)
    return make_search(parts, SPACE, data, seed, "cpu", budget)


def small_oracle(draws: int = 1, common: bool = True, **limits) -> SampledOracle:
    """Of a table of 8 cells, whose errors are GRID."""
    told = Looks(100 * (1 - GRID).view(1, -1), torch.ones(8, dtype=torch.int64), (4, 2))
    limits = {"seconds": 0.0, "evaluations": None, **limits}
    return SampledOracle(
        told,
        torch.arange(8).double(),
        Purse(Cost(), **limits),
        lambda alpha: rows_of(alpha, (4, 2)).softmax(dim=1),
        draws,
        common,
        torch.Generator().manual_seed(0),
    )


def priced(loss: torch.Tensor, alpha: torch.Tensor, gates: torch.Tensor) -> torch.Tensor:
    """Linear in the loss, with a cost that is more for one operation, and a term."""
    return loss * (1 + gates[0, 1]) + gates.square().sum() + alpha[1]


class Enumerated(SampledOracle):
    """Draws every number of a lattice once, in place of random ones: with chances that are quarters, all there is."""

    def _uniform(self, count: int) -> torch.Tensor:
        quarters = torch.cartesian_prod(*[(torch.arange(4) + 0.5) / 4] * 2).double()
        cells = torch.cat([quarters, torch.zeros(16, 1)], dim=1)
        return cells[list(self.draw)][None]  # type: ignore[call-overload]


def enumerated(cells: tuple[int, ...], objective: OfAlpha) -> Enumerated:
    plain = small_oracle(draws=len(cells))
    return Enumerated(*(vars(plain) | {"draw": cells, "objective": objective}).values())


@pytest.mark.parametrize("objective", [cross_entropy_alone, priced])
@pytest.mark.parametrize("draws", [1, 2])
def test_the_mean_over_all_draws_is_the_exact_loss_and_gradient(draws: int, objective: OfAlpha) -> None:
    """The 16 cells of the lattice, and all pairs of them."""
    exact = TableOracle(GRID, Cost(), objective=objective)
    batches = list(itertools.product(range(16), repeat=draws))
    losses = [float(enumerated(cells, objective).losses(LOGITS[None])) for cells in batches]
    assert np.mean(losses) == pytest.approx(float(exact.losses(LOGITS[None])))
    gradients = torch.stack([enumerated(cells, objective).gradient(LOGITS) for cells in batches])
    torch.testing.assert_close(gradients.mean(dim=0), exact.gradient(LOGITS), rtol=1e-9, atol=1e-12)
    assert gradients.std(dim=0).max() > 0.01


@pytest.mark.parametrize("method", ["zarts-mgs", "gdas", "snas", "drnas-darts-1st", "reinmax", "beta-darts"])
def test_the_gradient_is_unbiased_under_every_relaxation(method: str) -> None:
    """In many draws at the gates of one update: of GDAS and ReinMax that of their expected error, of the others that
    of the exact oracle at these gates."""
    search = search_of(method, oracle="sampled", draws=20_000, simulated_seconds=0, table_epochs="200")
    state = search.start()
    state.alpha = torch.randn(30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = search._sampled(state).gradient(state.alpha)
    if method in ("gdas", "reinmax"):
        exact = TableOracle(search.errors, Cost()).gradient(state.alpha)
    else:
        exact = search._oracle(state, "alpha", 0, Cost()).gradient(state.alpha)
    assert (found - exact).norm() < 0.15 * exact.norm()


def test_a_price_is_that_of_expected_costs_at_the_error_of_the_cells_drawn() -> None:
    priced = {"oracle": "sampled", "draws": 20_000, "table_epochs": "200", "objective": "valid_loss*(flops/100M)**0.5"}
    search = search_of("darts-1st", budget=Budget(1, evaluations=20_000), simulated_seconds=0, **priced)
    state = search.start()
    exact = search._oracle(state, "alpha", 0, Cost())
    alpha = torch.randn(30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = search._sampled(state).losses(alpha[None])
    torch.testing.assert_close(found, exact.losses(alpha[None]), rtol=0.01, atol=0)
    state = run_to_end(search_of("darts-1st", budget=Budget(1, evaluations=8), **priced | {"draws": 4}))
    assert (state.stopped_by, state.cost.alpha_steps) == ("evaluations", 2)
    record = state.records[-1]
    assert record["objective"] == pytest.approx(record["valid_loss"] * math.sqrt(record["costs"]["flops"] / 100e6))


def test_candidates_share_their_draws_where_they_are_told_to() -> None:
    alphas = LOGITS.expand(200, -1)
    shared, own = small_oracle(), small_oracle(common=False)
    assert len(set(shared.losses(alphas).tolist())) == 1
    assert shared.losses(alphas)[0] == shared.losses(alphas)[0]
    assert len(set(own.losses(alphas).tolist())) > 3
    exact = float(TableOracle(GRID, Cost()).losses(LOGITS[None]))
    assert float(own.losses(LOGITS.expand(500, -1)).mean()) == pytest.approx(exact, abs=0.05)


def test_every_cell_that_is_drawn_is_paid_for() -> None:
    oracle = small_oracle(draws=3)
    codes, _ = oracle._look(rows_of(LOGITS, (4, 2)).softmax(dim=1).expand(5, -1, -1))
    spent = sum(a * 2 + b for a, b in codes.flatten(0, 1).tolist())
    assert (oracle.purse.cost.evaluations, oracle.purse.cost.simulated_seconds) == (15, spent)
    with pytest.raises(UsedUp, match="a budget of 14 evaluations"):
        small_oracle(draws=3, evaluations=14).losses(LOGITS.expand(5, -1))
    poor = small_oracle(draws=3, seconds=spent - 0.5)
    with pytest.raises(UsedUp, match="simulated_seconds="):
        poor.losses(LOGITS.expand(5, -1))
    assert poor.purse.cost == Cost()


def test_a_search_ends_before_the_update_that_it_cannot_pay() -> None:
    """MGS asks for a gradient and four losses of two cells each."""
    state = run_to_end(search_of("zarts-mgs", budget=Budget(evaluations=45), oracle="sampled"))
    assert (state.stopped_by, state.cost.alpha_steps, state.cost.evaluations) == ("evaluations", 4, 42)
    state = run_to_end(search_of("zarts-mgs", oracle="sampled", simulated_seconds=3000))
    assert state.stopped_by == "simulated seconds"
    assert 2000 < state.cost.simulated_seconds <= 3000
    assert len(state.records) == 1
    with pytest.raises(HarnessError, match="simulated_seconds=50 does not pay for one update of alpha; give more"):
        run_to_end(search_of("zarts-mgs", oracle="sampled", simulated_seconds=50))


@pytest.mark.parametrize("oracle", ["sampled", "noisy", "proxy"])
def test_searches_resume_to_the_bit(oracle: str) -> None:
    budget = Budget(1, evaluations=60)
    straight = run_to_end(search_of("zarts-spsa", 1, budget, oracle=oracle, updates=4))
    state = search_of("zarts-spsa", 1, budget, oracle=oracle, updates=4).start()
    while not state.stopped_by:
        again = search_of("zarts-spsa", 1, budget, oracle=oracle, updates=4)
        state = again.advance(again.restore(state.to_dict()))
    assert same(straight, state)


def test_a_noisy_look_is_one_training() -> None:
    """The seed 999 trained every other cell only."""
    noisy = looks(Asked(oracle="noisy"), 12, DATA, SPACE, 0)
    trials = DATA.trials(12).reshape(3, -1)
    places = torch.arange(15_625)
    told = torch.stack([noisy.at(places, torch.full((15_625,), luck, dtype=torch.float64)) for luck in (0, 0.4, 0.99)])
    known = [set(column[~np.isnan(column)]) for column in trials.T]
    assert [set(column) for column in told.T.tolist()] == known
    assert np.isnan(trials).sum(axis=0).max() == 1
    assert trials.shape == (len(SEEDS), 15_625)
    torch.testing.assert_close(noisy.errors(), DATA.error_grid(12))


def test_black_box_methods_are_told_alike() -> None:
    trials = DATA.trials(12)
    state = run_to_end(search_of("random-search", budget=Budget(evaluations=30), oracle="noisy"))
    seen = [trials[(slice(None), *code)] for code in state.codes.tolist()]
    assert all(told in each for told, each in zip(state.accuracies.tolist(), seen, strict=True))
    means = [DATA.validation(12)[tuple(code)] for code in state.codes.tolist()]
    assert state.accuracies.tolist() != means
    exact, sampled, proxy = (
        run_to_end(search_of("random-search", budget=Budget(evaluations=30), oracle=oracle))
        for oracle in ("exact", "sampled", "proxy")
    )
    assert torch.equal(exact.accuracies, sampled.accuracies)
    assert exact.cost.simulated_seconds == sampled.cost.simulated_seconds > 0
    assert proxy.cost.simulated_seconds == 0
    assert not torch.equal(proxy.accuracies, exact.accuracies)


def test_a_table_without_single_trainings_has_no_noise() -> None:
    means = {name: values for name, values in TABLE.columns.items() if name.split("/")[-1] not in map(str, SEEDS)}
    data = TableData("cifar10", NasBench201(Table(TABLE.cells, means, TABLE.provenance)))
    with pytest.raises(HarnessError, match="only the mean over their seeds; choose other table_epochs or another or"):
        search_of("rea", data=data, oracle="noisy")
    with pytest.raises(HarnessError, match="Tiny does not tell trainings of one architecture apart"):
        TableData("made", Tiny()).trials(3)


@pytest.mark.parametrize(("tau", "bias"), [(0.5, 0.5), (0.2, 1.0), (0.0, 0.0), (0.99, 0.5)])
def test_a_proxy_has_the_tau_that_is_asked_for(tau: float, bias: float) -> None:
    truth = DATA.validation(200).ravel()
    asked = Asked(oracle="proxy", proxy_tau=tau, proxy_bias=bias)
    told = [looks(asked, 200, DATA, SPACE, seed).told[0] for seed in (0, 0, 1)]
    assert kendalltau(told[0], truth).statistic == pytest.approx(tau, abs=0.01)
    assert torch.equal(told[0], told[1])
    assert torch.equal(told[0], told[2]) == (bias == 1)
    assert np.array_equal(np.sort(told[0]), np.sort(truth))


def test_a_proxy_favours_operations_without_parameters() -> None:
    """With the same tau."""
    plain, biased = (
        looks(Asked(oracle="proxy", proxy_tau=0.1, proxy_bias=bias), 200, DATA, SPACE, 0).told.view((5,) * 6)
        for bias in (0.0, 1.0)
    )
    all_skips = (1,) * 6
    assert (biased >= biased[all_skips]).sum() < 500 < (plain >= plain[all_skips]).sum()
    assert (plain[1] - biased[1]).mean() < 0 < (plain[3] - biased[3]).mean()


def test_specs_have_what_differs_from_before() -> None:
    before = search_of("zarts-mgs").parts.settings()["table"]
    assert before == {"epochs": 50, "updates": 100, "table_epochs": "200"}
    charged = search_of("zarts-mgs", oracle="sampled").parts.settings()["table"]
    assert charged == {
        "epochs": 50,
        "updates": 100,
        "table_epochs": "12",
        "oracle": "sampled",
        "simulated_seconds": 12_000.0,
    }
    trials = search_of("rea").parts.settings()["evaluator"]
    assert trials == {"epochs": 1000, "table_epochs": "12", "simulated_seconds": 12_000.0}


def test_the_benchmark_tells_methods_apart() -> None:
    """20 seeds, 100 cells each: mean test accuracies that lie five standard errors apart."""
    test = TABLE.column("cifar10", "test", 200, "mean")
    found = {}
    for method, settings in {"random-search": {}, "darts-1st": {"alpha_lr": 0.3, "draws": 5}, "zarts-gld": {}}.items():
        limit, ends = Budget(evaluations=100), []
        for seed in range(20):
            search = search_of(method, seed, limit, oracle="sampled", simulated_seconds=1e9, **settings)
            ends.append(search.genotype(run_to_end(search)))
        found[method] = np.array([test[TABLE.index(cell)] for cell in ends])
    rule, random, other = (found[method] for method in ("darts-1st", "random-search", "zarts-gld"))
    for better, worse in ((rule, random), (random, other)):
        error = math.sqrt((better.var(ddof=1) + worse.var(ddof=1)) / 20)
        assert better.mean() - worse.mean() > 5 * error, found
