"""Ground truths by name: one that is not built in serves every method, as NAS-Bench-201's does."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_table
import torch
from click.testing import CliRunner
from processes import run_folder
from tiny_table import CELL, NAMES, Tiny, space
from toy import run_to_end
from toy_table import toy_table, write_toy_table

import harness.nasbench201
from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.genotype import parse
from harness.core.registry import add_plugins, forget_plugins
from harness.core.types import Budget, Cost
from harness.tables import TABLES, ground_truth
from harness.tables.nasbench201 import open_table
from harness.tables.nasbench201_truth import NasBench201
from methods import CATALOGUE, METHODS
from methods.families import applies, make_search
from methods.tabular.data import TableData, open_data
from methods.tabular.search import TableOracle
from spaces import SPACES
from spaces.cells import Edge
from spaces.relations import space_of, table_of

PLUGIN = str(Path(tiny_table.__file__))
BEST = (3, 3, 3)
RAGGED = (Edge(0, 1, NAMES[1:]), Edge(0, 2, NAMES), Edge(1, 2, NAMES[2:]))


@pytest.fixture(autouse=True)
def tiny() -> Iterator[None]:
    """The plugin, for the test alone."""
    forget_plugins()
    add_plugins([PLUGIN])
    yield
    forget_plugins()


def command(*arguments: str | Path) -> str:
    """The output of a command that succeeds, in this process."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str | Path) -> str:
    """The sentence of a command that was wrong."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 2, result.output
    return result.stderr


def search_of(method: str, epochs: int | None = None, **settings):
    chosen, budget = SPACES["tiny-table"], Budget(epochs)
    parts = METHODS[method].parts(chosen, budget, user=settings)
    return make_search(parts, chosen, open_data("made", "tiny"), 0, "cpu", budget)


PREDICTING = ("pnas", "npenas", "bananas")
"""They train a predictor for every few trials, and need fewer."""


@pytest.mark.parametrize(
    "method", [name for name in CATALOGUE if applies(CATALOGUE[name], SPACES["nasbench201-table"])]
)
def test_every_method_that_runs_on_a_table_runs_on_one_from_outside(method: str) -> None:
    rules = {"darts-1st": {"alpha_lr": 0.03}, "darts-2nd": {"alpha_lr": 0.03}, "zarts-gld": {"smallest_radius": 0.1}}
    short = (
        {"epochs": 3, "updates": 40, **rules.get(method, {})}
        if hasattr(CATALOGUE[method], "rule")
        else {"epochs": 40 if method in PREDICTING else 150, "simulated_seconds": 1e6}
    )
    search = search_of(method, **short)
    result = search.result(run_to_end(search))
    (record,) = result.records[-1:]
    assert record["table"] == Tiny().accuracies(result.genotype)["made"]
    assert record["table"]["valid"] >= 50 + 4 * 5 + 0.9  # far better than most


def test_the_loss_is_the_mean_error_over_all_cells_of_edges_that_differ_in_width() -> None:
    grid = torch.rand((3, 4, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alphas = torch.randn(5, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for alpha, loss in zip(alphas, TableOracle(grid, Cost()).losses(alphas), strict=True):
        rows = [row.softmax(0) for row in alpha.split((3, 4, 2))]
        expected = sum(
            grid[code] * torch.stack([row[option] for row, option in zip(rows, code, strict=True)]).prod()
            for code in itertools.product(range(3), range(4), range(2))
        )
        torch.testing.assert_close(loss, torch.as_tensor(expected))
    assert TableOracle(grid, Cost()).gradient(alphas[0]).isfinite().all()


def test_cells_of_any_edges_are_decoded_and_derived_alike() -> None:
    ragged = space(RAGGED)
    assert ragged.choices == ((3,), (4, 2))
    for code in itertools.product(range(3), range(4), range(2)):
        rows = [np.eye(4)[option].tolist() for option in code]
        genotype = ragged.decode(code)
        assert genotype == ragged.derive(rows) == parse(json.dumps(genotype.to_json()))
        assert (genotype.family, str(parse(str(genotype)))) == ("tiny", str(genotype))


def test_lengths_of_training_are_the_tables() -> None:
    assert search_of("zarts-mgs").parts.table.table_epochs == "9"
    assert search_of("rea").parts.evaluator.table_epochs == "3"
    with pytest.raises(HarnessError, match="table_epochs='12' is not one of 3, 9"):
        search_of("rea", table_epochs="12")


def test_a_run_on_it_is_reported_like_one_on_the_built_in_table(tmp_path: Path) -> None:
    asked = ("--space", "tiny-table", "--dataset", "made", "--results", tmp_path, "--set", "updates=20")
    shown = command("run", "--method", "zarts-mgs", "--epochs", "2", *asked)
    folder = run_folder(tmp_path)
    result = json.loads((folder / "result.json").read_text())
    genotype = parse(json.dumps(result["genotype"]))
    assert result["table"] == Tiny().accuracies(genotype)
    assert (result["how"]["table"], result["classes"]) == (Tiny.how, 7)
    assert json.loads((folder / "spec.json").read_text())["environments"][0]["data"] == "tiny 1"
    assert f"made: valid {result['table']['made']['valid']:.2f} %" in shown
    assert "1 cells per stage, 4 channels, 7 classes" in shown
    seeds = command("run", "--method", "zarts-mgs", "--epochs", "2", "--seed", "0-1", *asked)
    assert "made test" in seeds
    looked_up = json.loads(command("evaluate", folder, "--json"))
    assert (looked_up["accuracies"], looked_up["protocol"]["name"]) == (result["table"], "tiny-9")
    assert (looked_up["parameters"], looked_up["size"]) == (result["parameters"], "1x4")
    page = command("report", "all", "--format", "html", "--results", tmp_path, "--out", tmp_path / "report")
    assert page.endswith("index.html\n")
    written = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "Convergence on tiny-table with made" in written


def test_a_cell_of_it_is_described_and_looked_up_without_a_run(tmp_path: Path) -> None:
    cell = json.dumps(SPACES["tiny-table"].decode(BEST).to_json())
    assert "per stage" in command("describe", cell)
    assert json.loads(command("evaluate", cell, "--results", tmp_path, "--json"))["accuracies"]["made"]["test"] == 85.9
    said = refused("evaluate", cell, "--dataset", "digits")
    assert "--dataset: a Tiny cell is looked up, which takes no such thing; leave it out." in said
    assert "recipe 'cifar' is not for a cell of the kind tiny; use --recipe lookup." in refused(
        "evaluate", cell, "--recipe", "cifar"
    )


def test_tables_are_known_by_name() -> None:
    assert list(TABLES) == ["nasbench201", "nats-sss", "tiny"]
    assert "tiny          Tiny: 64 cells by a formula" in command("list", "tables")
    assert "made, 7 classes, 9 epochs: 64 architectures, best valid 86.900 %" in command("data", "check", "tiny")
    assert "the table tiny is made from no file: it comes with plugin" in refused("data", "import", "tiny", "x.csv")
    assert "unknown table 'tyni'; known: nasbench201, nats-sss, tiny" in refused("data", "import", "tyni", "x.csv")
    assert "no supernet; data sets: made" in command("describe", "tiny-table")


def test_spaces_of_the_same_cells_share_their_table() -> None:
    assert [table_of(SPACES[name]) for name in ("nasbench201", "nasbench201-table", "darts", "tiny-table")] == [
        "nasbench201",
        "nasbench201",
        "",
        "tiny",
    ]
    assert space_of(SPACES["tiny-table"].decode(BEST)).name == "tiny-table"
    with pytest.raises(HarnessError, match="no space has cells of the kind other"):
        space_of(parse('{"other": {"inputs": 1, "nodes": [[["none", 0]]], "concat": [1]}}'))


class Lacking(Tiny):
    """A table that opens to what is none."""

    def open(self):
        return object()


class Misshapen(Tiny):
    """A table of other choices."""

    def validation(self, dataset, epochs):
        return np.zeros((4, 4))


class Unfinished(Tiny):
    """A table with a hole."""

    def seconds(self, dataset, epochs):
        return super().seconds(dataset, epochs)._replace(values=np.full((4, 4, 4), np.nan))


def test_tables_that_do_not_fit_are_explained() -> None:
    with pytest.raises(HarnessError, match=r"Tiny does not open to a ground truth: it has no how, as .*GroundTruth"):
        ground_truth.opened(Lacking())
    with pytest.raises(HarnessError, match="unknown data set of Tiny's table 'cifar10'; known: made"):
        open_data("cifar10", "tiny")
    parts = METHODS["rea"].parts(SPACES["tiny-table"], Budget())
    for truth, said in (
        (Misshapen(), r"accuracies on made are a grid of shape \(4, 4\), and the space's choices have \(4, 4, 4\) opt"),
        (Unfinished(), "seconds on made are not all finite numbers"),
    ):
        with pytest.raises(HarnessError, match=said):
            make_search(parts, SPACES["tiny-table"], TableData("made", truth), 0, "cpu", None)


def test_methods_that_a_table_cannot_serve() -> None:
    with pytest.raises(HarnessError, match=r"tiny-table has no supernet, .* auxiliary-skip edge would need one\.$"):
        METHODS["darts-minus"].parts(SPACES["tiny-table"], Budget())
    with pytest.raises(HarnessError, match="unknown table 'elsewhere'"):
        METHODS["rea"].parts(replace(space(CELL), table="elsewhere"), Budget())
    with pytest.raises(HarnessError, match="its choices are not the operations of its edges, one by one"):
        METHODS["zarts-mgs"].parts(replace(SPACES["darts"], table="tiny"), Budget())
    assert METHODS["rea"].parts(replace(SPACES["darts"], table="tiny"), Budget()).table_epochs == "3"


def test_the_built_in_table_is_found_at_its_old_place(tmp_path: Path) -> None:
    assert harness.nasbench201.open_table is open_table
    table = open_table(write_toy_table(tmp_path / "table.parquet"))
    truth = NasBench201(table)
    assert ground_truth.opened(truth) is truth
    assert truth.fingerprint == toy_table().digest
    cell = table.cell(77)
    place = np.unravel_index(table.places[77], (5,) * 6)
    assert truth.validation("cifar10", 200)[place] == truth.accuracies(cell)["cifar10"]["valid"]
