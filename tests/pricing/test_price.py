"""The price of a search: its loss by hand, on a table, on a supernet and of trials, and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toy import ToyDataset, run_to_end, small_settings
from toy_table import toy_table, write_toy_table

from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.genotype import parse
from harness.core.types import Budget, Cost
from harness.tables.costs import CostTable, EdgeCosts, cached
from harness.tables.hardware import hardware_path
from harness.tables.nasbench201 import Table
from harness.tables.nasbench201 import default_path as table_path
from harness.tables.nasbench201_truth import NasBench201
from methods import METHODS
from methods.families import make_search
from methods.pricing.price import Network, Price
from methods.tabular.data import TableData
from spaces import SPACES
from spaces.prices import counted

TABULAR, SPACE = SPACES["nasbench201-table"], SPACES["nasbench201"]
TABLE = toy_table()
DATA = TableData("cifar10", NasBench201(TABLE))
ERRORS = DATA.error_grid(200)
FLOPS = counted(TABULAR, TABULAR.macro(), 10, 32)["flops"]
FORMULA = "valid_loss*(flops/100M)**0.1 + 0.02*log(flops/1M)"
MILLISECONDS = 1 + np.arange(15625) % 97 / 10


@pytest.fixture
def hardware(tmp_path, monkeypatch):
    """HW-NAS-Bench's costs, made up: one for all cells, one that the device could not run a cell of."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    unable = MILLISECONDS.copy()
    unable[7] = np.nan
    columns = {"edgegpu_latency/cifar10": MILLISECONDS, "edgetpu_latency/cifar10": unable}
    Table(TABLE.cells, columns, {"source": "a formula"}).save(hardware_path())
    return TABLE.grid(MILLISECONDS)


def search_of(method, space=TABULAR, data=DATA, seed=0, epochs=2, **settings):
    parts = METHODS[method].parts(space, Budget(epochs), user=settings)
    return make_search(parts, space, data, seed, "cpu", Budget(epochs))


def oracle_of(method, **settings):
    search = search_of(method, **settings)
    return search._oracle(search.start(), "alpha", 0, Cost())


def alpha_of(seed=0):
    return torch.randn(30, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_priced_loss_on_a_table_by_enumeration(hardware):
    """Every cell in numpy: the mean error, the mean of a counted cost, and that of cells measured whole."""
    alpha = alpha_of()
    found = oracle_of("zarts-mgs", objective=f"{FORMULA} + 1e-3*edgegpu_latency").losses(alpha[None]).item()
    p = alpha.view(6, 5).softmax(1).numpy()
    error, latency = (np.einsum("abcdef,a,b,c,d,e,f", grid, *p) for grid in (ERRORS.numpy(), hardware))
    flops = FLOPS.around + sum(
        p[row, i] * value for row, own in enumerate(FLOPS.edges) for i, value in enumerate(own.values())
    )
    expected = error * (flops / 100e6) ** 0.1 + 0.02 * math.log(flops / 1e6) + 1e-3 * latency
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_priced_gradient_on_a_table_is_a_finite_difference(hardware):
    oracle, alpha = oracle_of("darts-1st", objective=f"{FORMULA} + 1e-3*edgegpu_latency"), alpha_of()
    moved = torch.cat([alpha + sign * 1e-6 * torch.eye(30, dtype=torch.float64) for sign in (1, -1)])
    plus, minus = oracle.losses(moved).chunk(2)
    torch.testing.assert_close(oracle.gradient(alpha), (plus - minus) / 2e-6, rtol=1e-5, atol=1e-8)


def test_the_cost_of_the_derived_cell_moves_losses_alone():
    """A loss is that of the argmax cell's network; the gradient is that of the error, times what multiplies it."""
    alpha = alpha_of()
    oracle = oracle_of("zarts-rs", objective="valid_loss*flops/100M", cost_of="cell")
    cell = FLOPS.of(TABULAR, TABULAR.derive(alpha.view(6, 5).tolist()))
    plain = oracle_of("zarts-rs")
    assert oracle.losses(alpha[None]).item() == pytest.approx(
        plain.losses(alpha[None]).item() * cell / 100e6, rel=1e-12
    )
    torch.testing.assert_close(oracle.gradient(alpha), plain.gradient(alpha) * cell / 100e6)


@pytest.mark.parametrize("method", ["random-search", "rea"])
def test_trials_are_scored_by_the_objective(method):
    """The best of all trials is the one of the least objective, and the records say the error besides."""
    text = "valid_loss + 0.3*log(flops/100M)"
    search = search_of(method, epochs=20, objective=text)
    state = run_to_end(search)
    expected = []
    for code, accuracy in zip(state.codes.tolist(), state.accuracies.tolist(), strict=True):
        flops = FLOPS.of(TABULAR, TABULAR.decode(code))
        expected.append(1 - accuracy / 100 + 0.3 * math.log(flops / 100e6))
        assert accuracy == DATA.validation(12)[tuple(code)]
    best = int(np.argmin(expected))
    assert (1 - state.scores / 100).tolist() == pytest.approx(expected)
    assert search.genotype(state) == TABULAR.decode(state.codes[best].tolist())
    last = state.records[-1]
    assert last["best_objective"] == pytest.approx(expected[best])
    assert last["best_accuracy"] == state.accuracies[best].item()
    assert last["costs"] == {"flops": FLOPS.of(TABULAR, search.genotype(state))}


def test_without_an_objective_a_trial_is_its_accuracy_to_the_bit():
    state = run_to_end(search_of("rea", epochs=5))
    assert torch.equal(state.scores, state.accuracies)
    assert "objective" not in str(state.records)


@pytest.mark.parametrize("method", ["darts-2nd", "p-zarts-mgs"])
def test_a_search_on_a_supernet_with_a_price(method):
    """The records have the objective at the validation loss; a heavy price makes the cell that costs nothing."""
    settings = small_settings(method, "nasbench201", objective="valid_loss + 1000*flops/1M")
    parts = METHODS[method].parts(SPACE, Budget(2), [settings])
    search = make_search(parts, SPACE, ToyDataset(12), 0, "cpu", Budget(2))
    state = run_to_end(search)
    macro = parts.macro
    prices = counted(SPACE, macro, ToyDataset.classes, ToyDataset.image_size)["flops"]
    for record in state.records:
        cost = record["costs"]["flops"]
        assert prices.around <= cost <= search.priced.costs["flops"].bounds[1]
        assert record["objective"] == pytest.approx(record["valid_loss"] + 1e-3 * cost, rel=1e-6)


def test_a_search_whose_price_is_all_finds_what_costs_nothing():
    search = search_of("darts-1st", objective="0*valid_loss + log(flops)", epochs=1, updates=100, alpha_lr=0.1)
    state = run_to_end(search)
    assert search.priced.of(search.genotype(state))["flops"] == FLOPS.around


def test_a_default_leaves_specs_as_they_were():
    for space in (TABULAR, SPACE):
        for method in ("zarts-mgs", "rea"):
            assert "price" not in METHODS[method].parts(space, Budget()).settings()
    priced = METHODS["zarts-mgs"].parts(SPACE, Budget(), user={"objective": "valid_loss + flops/1G"})
    assert priced.settings()["price"] == {"objective": "valid_loss + flops/1G"}


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("valid_loss + log(flops - 10G)", "is no finite number at the least that architectures cost, flops = 7.78"),
        ("valid_loss + exp(flops)", "is no finite number"),
        ("flops/1G - valid_loss", "is minimised, and falls as valid_loss rises"),
        ("valid_loss + edgegpu_latency", "there is no HW-NAS-Bench table at .*; make it with `harness data import"),
    ],
)
def test_objectives_without_a_value_are_refused_before_a_search(objective, said):
    with pytest.raises(HarnessError, match=said):
        search_of("zarts-mgs", objective=objective)


def test_what_the_costs_of_the_benchmark_are_refused_for(hardware):
    with pytest.raises(HarnessError, match="no edgetpu_latency of 1 cells on cifar10, which the device could not run"):
        search_of("zarts-mgs", objective="valid_loss + edgetpu_latency")
    with pytest.raises(HarnessError, match="table has no fpga_energy/cifar10: the imported file lacked it"):
        search_of("zarts-mgs", objective="valid_loss + fpga_energy")
    with pytest.raises(HarnessError, match="has no edgegpu_latency on toy; it has cifar10"):
        Price("valid_loss + edgegpu_latency").priced(Network(SPACE, SPACE.macro(), "toy", 4, 8))
    with pytest.raises(HarnessError, match="edgegpu_latency is known of whole cells, so its mean needs gates"):
        METHODS["fair-darts"].parts(SPACE, Budget(), user={"objective": "valid_loss + edgegpu_latency"})
    with pytest.raises(HarnessError, match="unknown cost of the objective 'edgegpu_latencies'"):
        METHODS["zarts-mgs"].parts(SPACES["s1"], Budget(), user={"objective": "valid_loss + edgegpu_latencies"})


def test_parts_that_a_price_does_not_go_with():
    cell = {"objective": "valid_loss + flops/1G", "cost_of": "cell"}
    with pytest.raises(
        HarnessError, match="cost_of=cell has no gradient, and this method's rule asks for nothing else"
    ):
        METHODS["darts-1st"].parts(SPACE, Budget(), user=cell)
    METHODS["zarts-guided-es"].parts(SPACE, Budget(), user=cell)
    with pytest.raises(HarnessError, match="proxy=synflow gives a score, and an objective is made of an error"):
        METHODS["rea"].parts(SPACE, Budget(), user={"objective": "valid_loss + flops/1G", "proxy": "synflow"})
    with pytest.raises(HarnessError, match="without an objective; name one that has them"):
        METHODS["rea"].parts(SPACE, Budget(), user={"costs": "table.json"})


def latencies(space, **network):
    """A table in which every operation takes 1 ms on each edge."""
    edges = {
        (kind, e.source, e.target): dict.fromkeys(e.operations, 1.0) for kind, es in space.cells.items() for e in es
    }
    return CostTable(space.name, network or None, {"latency": EdgeCosts(2.5, edges)})


def test_a_table_of_latencies_is_named_or_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    objective = "valid_loss + 0.1*log(latency)"
    with pytest.raises(HarnessError, match="no table of it for nasbench201; make one with `harness measure latency"):
        METHODS["zarts-mgs"].parts(SPACE, Budget(), user={"objective": objective}).price.digests(SPACE)
    latencies(SPACE).save(cached("nasbench201"))
    price = METHODS["zarts-mgs"].parts(SPACE, Budget(), user={"objective": objective}).price
    network = Network(SPACE, SPACE.macro(), "digits", 10, 32)
    assert price.priced(network).of(SPACE.decode([0] * 6)) == {"latency": 8.5}
    assert price.digests(SPACE).keys() == {"costs"}
    latencies(SPACE, channels=16, cells=3).save(tmp_path / "own.json")
    own = Price(objective, costs=str(tmp_path / "own.json"))
    own.check(SPACE)
    with pytest.raises(HarnessError, match="is of networks with cells=3, and the objective is about cells=5"):
        own.priced(network)
    latencies(SPACE).save(tmp_path / "any.json")
    with pytest.raises(HarnessError, match="has no latency of skip_connect on the edge from 0 to 2 of the normal cell"):
        Price(objective, costs=str(tmp_path / "any.json")).priced(
            Network(SPACES["s1"], SPACES["s1"].macro(), "", 10, 32)
        )


def test_costs_may_be_of_the_networks_that_are_quoted():
    space = SPACES["s1"]
    network = Network(space, space.macro(), "digits", 10, 32)
    small, large = (Price("valid_loss + params/1G", cost_size=size).priced(network) for size in ("supernet", "final"))
    cell = space.decode([0] * sum(map(len, space.choices)))
    assert large.of(cell)["params"] > 10 * small.of(cell)["params"]
    assert "channels=36, cells=20" in large.network


def run(tmp_path, objective, *more):
    options = ["--space", "nasbench201-table", "--dataset", "cifar10", "--epochs", "1", "--set", "updates=2", "--quiet"]
    arguments = ["run", "--method", "zarts-mgs", *options, "--results", str(tmp_path / "results"), *more]
    return CliRunner().invoke(main, [*arguments, "--objective", objective])


def test_an_objective_on_the_command_line(hardware, tmp_path):
    """It is in the spec, and so in the folder's name; the result has the costs of the cell, and how they were got."""
    write_toy_table(table_path())
    said = run(tmp_path, "valid_loss + edgegpu_latency/1k + flops/1G")
    assert said.exit_code == 0, said.output
    (file,) = (tmp_path / "results" / "proxy").glob("*/result.json")
    result, spec = json.loads(file.read_text()), json.loads((file.parent / "spec.json").read_text())["spec"]
    cell = parse(json.dumps(result["genotype"]))
    costs = {"edgegpu_latency": MILLISECONDS[TABLE.index(cell)], "flops": FLOPS.of(TABULAR, cell)}
    assert result["costs"] == costs
    assert result["how"]["costs"].startswith("of the network of the cell with channels=16, cells=5, image_size=32")
    assert spec["settings"]["price"] == {"objective": "valid_loss + edgegpu_latency/1k + flops/1G"}
    assert spec["costs"].keys() == {"HW-NAS-Bench"}


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("0.1*log(flops/300M)", "does not contain valid_loss"),
        ("valid_loss + flop", "unknown cost of the objective 'flop'; did you mean 'flops'?"),
        ("valid_loss + flops/300m", "its suffix may be k, M or G"),
        ("open('/etc/passwd')", "unknown function of the objective 'open'"),
        ("valid_loss + latency", "there is no table of it for nasbench201-table; make one with"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence_and_no_folder(objective, said, tmp_path):
    result = run(tmp_path, objective)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_file_of_costs_that_is_wrong_is_one_sentence(tmp_path):
    (tmp_path / "table.json").write_text("{")
    result = run(tmp_path, "valid_loss + latency", "--costs", str(tmp_path / "table.json"))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "table.json cannot be read as JSON" in result.stderr
