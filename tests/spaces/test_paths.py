"""Sub-networks as gates: the operations that a genotype has, and what its final network costs."""

from __future__ import annotations

import pytest
import torch

from harness.core.errors import HarnessError
from harness.core.genotype import Cell
from methods.strategies.strategy import flat, uniform
from spaces import SPACES
from spaces.counting import count
from spaces.paths import path_gates, path_macs


def codes(space, count, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return [uniform(space.choices, draw) for _ in range(count)]


@pytest.mark.parametrize("name", ["s1", "darts-none", "nasbench201", "mobile"])
def test_the_gates_of_a_path_are_the_operations_of_its_genotype(name):
    space = SPACES[name]
    places = [(kind, edge) for kind, edges in space.cells.items() for edge in edges]
    for code in codes(space, 5):
        gates, genotype = path_gates(space, code), space.decode(code)
        found = [
            (kind, edge.target, edge.operations[column], edge.source)
            for (kind, edge), row in zip(places, gates, strict=True)
            for column in torch.where(row == 1)[0].tolist()
        ]
        wanted = [
            (kind, target, operation, source)
            for kind, cell in genotype.cells
            for target, node in enumerate(cell.nodes, start=cell.inputs)
            for operation, source in node
        ]
        assert sorted(found) == sorted(wanted)
        assert gates.sum() == len(wanted)


def test_with_none_an_edge_can_be_left_out_and_a_cell_that_has_nothing_left_is_refused():
    space = SPACES["s3"].with_none()
    assert SPACES["s3"].choices[0] == (1, 2, 2)
    assert space.choices[0] == (1, 3, 3)  # none, skip, convolution
    assert space.with_none() == space
    assert SPACES["s1"].with_none() == SPACES["s1"]
    code = [0, 0, 2, *(0 for _ in flat(space.choices)[3:])]
    code[12:15] = [0, 1, 2]  # the reduction cell has something, too
    cell = space.decode(code)["normal"]
    assert isinstance(cell, Cell)
    assert cell.nodes[0] == (("sep_conv_3x3", 1),)
    assert cell.nodes[1] == ()
    gates = path_gates(space, code)
    assert gates[0].tolist() == [1, 0, 0]  # `none` runs, and gives zeros
    assert gates[1].tolist() == [0, 0, 1]
    with pytest.raises(HarnessError, match="the cell has no output"):
        space.decode([0] * len(code))


def test_the_multiply_accumulates_of_a_path_are_those_of_its_final_network():
    space = SPACES["nasbench201"]
    macs = path_macs(space, 10)
    for code in codes(space, 2, seed=3):
        network = space.network(space.decode(code), space.final.channels, space.final.cells, 10)
        assert macs(path_gates(space, code)) == count(network, 32).macs
    cheapest, dearest = (space.decode(code) for code in ([1] * 6, [3] * 6))
    ends = [count(space.network(one, 16, 5, 10), 32).macs for one in (cheapest, dearest)]
    assert list(macs.least_and_most(space)) == ends
    assert path_macs(space, 10) is macs
