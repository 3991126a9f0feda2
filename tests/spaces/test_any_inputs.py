"""Cells whose nodes take any number of inputs: what they compute, cost, say and look like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.genotype import Cell, Genotype, parse
from harness.core.text import cell_rows
from reports.parameters import parameters
from spaces.counting import count
from spaces.darts.network import DartsNetwork
from spaces.drawing import UNREACHED, _lay_out, draw
from spaces.operations import State

ODD = Cell(
    2,
    (
        (("sep_conv_3x3", 0), ("sep_conv_5x5", 1)),
        (),
        (("max_pool_3x3", 0), ("dil_conv_3x3", 0), ("dil_conv_3x3", 0)),  # the same edge twice
        (("skip_connect", 0), ("dil_conv_5x5", 3)),  # one of them from a node that nothing reaches
        (("sep_conv_3x3", 5),),
        (("sep_conv_5x5", 3),),
    ),
    (2, 3, 4, 6, 7),
)
"""Two inputs, none, three, one of two, one, and one that comes from nowhere."""
PLAIN = Cell(
    2,
    (
        (("sep_conv_3x3", 0), ("sep_conv_5x5", 1)),
        (("max_pool_3x3", 0), ("dil_conv_3x3", 0), ("dil_conv_3x3", 0)),
        (("skip_connect", 0),),
        (("sep_conv_3x3", 4),),
    ),
    (2, 3, 5),
)
"""The same without the nodes and edges that nothing reaches."""
EIGHT = Cell(2, tuple(tuple(("skip_connect", source) for source in range(state)) for state in range(2, 10)), (8, 9))
"""Eight nodes, each of which reads all states before it."""


@pytest.fixture(autouse=True)
def deterministic_again() -> Iterator[None]:
    """A training switches torch's deterministic mode on, for good; the tests after these are to find it as it was."""
    before = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(before)


def both(cell: Cell) -> Genotype:
    return Genotype((("normal", cell), ("reduce", cell)))


def network(cell: Cell) -> DartsNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DartsNetwork(both(cell), 4, 3, 10)


@pytest.mark.parametrize("cell", [ODD, EIGHT], ids=["odd", "eight"])
def test_json_keeps_what_the_literal_cannot_say(cell: Cell) -> None:
    genotype = both(cell)
    assert parse(str(genotype)) == genotype
    assert json.loads(str(genotype)) == genotype.to_json()


def test_a_node_that_nothing_reaches_is_not_there() -> None:
    assert [state for state, _ in ODD.reached] == [2, 4, 5, 6]
    assert ODD.output == (2, 4, 6)
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    assert torch.equal(network(ODD)(x), network(PLAIN)(x))
    assert count(network(ODD), 16) == count(network(PLAIN), 16)
    assert network(ODD).classifier.in_features == 3 * 16


@pytest.mark.parametrize("concat", [(3,), (3, 7)])
def test_an_output_that_nothing_reaches_is_refused(concat: tuple[int, ...]) -> None:
    with pytest.raises(HarnessError, match=r"no edge reaches a node of concat \[3"):
        Cell(2, ODD.nodes, concat)


def test_the_same_edge_twice_is_two_operations() -> None:
    once = Cell(2, ((("dil_conv_3x3", 0),),), (2,))
    twice = Cell(2, ((("dil_conv_3x3", 0), ("dil_conv_3x3", 0)),), (2,))
    cell = network(twice).cells[0].eval()
    x, y = (torch.randn(2, 12, 8, 8, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    state = cell.preprocess[0](x)
    out = cell((State(x), State(y)), None, None).x
    assert torch.equal(out, cell.operations[0](state) + cell.operations[1](state))
    assert count(network(twice), 16).parameters > count(network(once), 16).parameters


@pytest.mark.parametrize("cell", [ODD, EIGHT], ids=["odd", "eight"])
def test_drop_path_has_a_factor_for_every_edge(cell: Cell) -> None:
    built, draws = network(cell), torch.Generator().manual_seed(3)
    seen: list[int] = []
    built.cells[0].register_forward_pre_hook(lambda module, args: seen.append(len(args[2])))
    built(torch.randn(2, 3, 16, 16), 0.5, draws)
    assert seen == [sum(len(edges) for _, edges in cell.reached)]


@pytest.mark.parametrize("cell", [ODD, EIGHT, PLAIN], ids=["odd", "eight", "plain"])
@pytest.mark.parametrize(("channels", "cells", "classes"), [(36, 20, 10), (16, 8, 100)])
def test_the_formula_counts_what_the_network_has(cell: Cell, channels: int, cells: int, classes: int) -> None:
    with torch.device("meta"):
        built = DartsNetwork(both(cell), channels, cells, classes)
    assert parameters(str(both(cell)), channels, cells, classes) == count(built, 32).parameters


def test_the_text_says_what_is_left_out() -> None:
    rows = [row for _, row in cell_rows(both(ODD))][: len(ODD.nodes)]
    assert rows[1] == "3 = no edge, left out"
    assert rows[2] == "4 = max_pool_3x3(0) + dil_conv_3x3(0) + dil_conv_3x3(0)"
    assert rows[5] == "7 = sep_conv_5x5(3), left out"


def test_a_drawing_shows_what_is_left_out_pale(tmp_path: Path) -> None:
    layout = _lay_out(ODD)
    assert {item.text for column in layout.columns for item in column if item.fill and item.ink != "black"} == {
        "1",
        "5",
    }
    assert sum(line.style == UNREACHED for line in layout.lines) == 2
    ends = [line.items[-1].text for line in layout.lines]
    assert ends.count("$c_k$") == len(ODD.output)
    draw(both(ODD), tmp_path / "cell.svg")
    labels = re.findall(r"<!-- (.*?) -->", (tmp_path / "cell.svg").read_text("utf-8"))
    assert labels.count("dil conv 3×3") == 4


def test_such_a_cell_is_described_and_trained_by_the_commands(tmp_path: Path) -> None:
    text = json.dumps(both(ODD).to_json())
    shown = CliRunner().invoke(main, ["describe", text, "--draw", str(tmp_path / "cell.png")])
    assert shown.exit_code == 0, shown.output
    assert "3 = no edge, left out" in shown.output
    options = ["--dataset=digits", "--protocol=smoke", "--device=cpu", f"--results={tmp_path}", "--json"]
    few = ["--set=images=32", "--set=batch=16", "--epochs=1", "--set=drop_path=0.5"]
    trained = CliRunner().invoke(main, ["evaluate", text, *options, *few])
    assert trained.exit_code == 0, trained.output
    found = json.loads(trained.stdout)
    assert found["genotype"] == both(ODD).to_json()
    assert found["parameters"] == parameters(text, 4, 3, 10)
