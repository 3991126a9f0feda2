"""Costs: sums over operations against whole networks, means against enumeration, gradients by differences."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.core.errors import HarnessError
from harness.core.genotype import AND_SKIP
from harness.tables.costs import EdgeCosts
from methods.pricing.costs import Sum, from_table, of_cells
from spaces import SPACES
from spaces.counting import count
from spaces.prices import Prices, counted

SIZES = {
    "nasbench201": ({"channels": 4, "cells": 2}, 16),
    "darts-none": ({"channels": 4, "cells": 4}, 32),
    "s4": ({"channels": 6, "cells": 3}, 16),
    "bench-wide-all-skip": ({"channels": 6, "cells": 3}, 16),
    "mobile": ({"channels": 80}, 32),
    "mobile-fbnet": ({"channels": 124, "stem": "imagenet"}, 64),
}


def draw_of(space, seed):
    draw = np.random.default_rng(seed)
    return space.decode([int(draw.integers(options)) for node in space.choices for options in node])


def one_hot(space, genotype):
    """Gates that are 1 for the operations of a genotype, and 0 for all others."""
    gates, row = torch.zeros(len(space.edges), max(space.widths), dtype=torch.float64), 0
    for kind, edges in space.cells.items():
        chosen = {
            (source, target): name.removesuffix(AND_SKIP)
            for target, node in enumerate(genotype[kind].nodes, start=genotype[kind].inputs)
            for name, source in node
        }
        for edge in edges:
            if (edge.source, edge.target) in chosen:
                gates[row, edge.operations.index(chosen[edge.source, edge.target])] = 1
            row += 1
    return gates


@pytest.mark.parametrize("name", SIZES)
def test_the_cost_at_the_gates_of_a_cell_is_that_of_its_network(name):
    """Exactly: of two cells of each family, at a supernet's size, counted as a whole."""
    space, (size, image) = SPACES[name], SIZES[name]
    macro = replace(space.macro(), **size)
    prices = counted(space, macro, 7, image)
    for seed in (0, 1):
        genotype = draw_of(space, seed)
        whole = count(space.derived(genotype, macro, 7), image)
        for cost, expected in (("flops", whole.macs), ("params", whole.parameters)):
            assert prices[cost].of(space, genotype) == expected
            assert Sum(prices[cost], space).at(one_hot(space, genotype), space).item() == expected


def test_known_counts_of_the_benchmark():
    """NAS-Bench-201 records 7.783 M multiply-adds and 0.073306 M parameters for the cell of nothing."""
    space = SPACES["nasbench201"]
    prices = counted(space, space.macro(), 10, 32)
    nothing = space.decode([0] * 6)
    assert (prices["flops"].of(space, nothing), prices["params"].of(space, nothing)) == (7_783_040, 73_306)


SPACE = SPACES["nasbench201"]
GRID = np.random.default_rng(0).uniform(1, 9, (5,) * 6)


def gates_of(space, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(len(space.edges), max(space.widths), generator=draw, dtype=torch.float64).softmax(dim=1)


def test_the_mean_cost_of_whole_cells_is_that_of_all_of_them():
    gates = gates_of(SPACE)
    p = gates.numpy()
    expected = np.einsum("abcdef,a,b,c,d,e,f", GRID, *p)
    assert of_cells(GRID, SPACE).at(gates, SPACE).item() == pytest.approx(expected, rel=1e-12)


def test_operations_that_are_gone_take_no_part_in_the_mean():
    """Enumerated: two operations are left on an edge, one on another, and one edge is gone."""
    kept = [list(edge.operations) for edge in SPACE.edges]
    kept[1], kept[2], kept[4] = ["none", "avg_pool_3x3"], ["nor_conv_3x3"], []
    left = SPACE.restricted(kept)
    gates = gates_of(left)
    for row, width in enumerate(left.widths):
        gates[row, width:] = 0
    rows, total = iter(gates.tolist()), 0.0
    own = [(names, next(rows)) if names else (["none"], [1.0]) for names in kept]
    for cell in itertools.product(*(range(len(names)) for names, _ in own)):
        index = tuple(SPACE.edges[0].operations.index(names[i]) for i, (names, _) in zip(cell, own, strict=True))
        total += GRID[index] * np.prod([row[i] for i, (_, row) in zip(cell, own, strict=True)])
    assert of_cells(GRID, SPACE).at(gates, left).item() == pytest.approx(total, rel=1e-12)


def test_a_sum_goes_with_the_operations_that_are_left():
    edges = tuple(
        {name: 10.0 * row + i for i, name in enumerate(edge.operations)} for row, edge in enumerate(SPACE.edges)
    )
    cost = Sum(Prices(1000.0, edges), SPACE)
    kept = [list(edge.operations) for edge in SPACE.edges]
    kept[1], kept[4] = ["none", "avg_pool_3x3"], []
    left = SPACE.restricted(kept)
    gates = torch.ones(5, 5, dtype=torch.float64)
    gates[1, 2:] = 0
    assert cost.at(gates, left).item() == 1000 + sum(edges[row][n] for row, names in enumerate(kept) for n in names)
    assert cost.bounds == (1000 + 150, 1000 + 150 + 24)


@pytest.mark.parametrize("kind", ["sum", "cells"])
def test_the_gradient_of_a_mean_is_a_finite_difference(kind):
    cost = of_cells(GRID, SPACE) if kind == "cells" else Sum(counted(SPACE, SPACE.macro(), 10, 32)["params"], SPACE)
    gates = gates_of(SPACE).requires_grad_()
    (gradient,) = torch.autograd.grad(cost.at(gates, SPACE), gates)
    for row, column in ((0, 0), (3, 2), (5, 4)):
        moved = [gates.detach().clone() for _ in range(2)]
        moved[0][row, column] += 1e-4
        moved[1][row, column] -= 1e-4
        plus, minus = (cost.at(m, SPACE).item() for m in moved)
        assert gradient[row, column].item() == pytest.approx((plus - minus) / 2e-4, rel=1e-6)


def test_a_cell_has_its_own_cost():
    genotype = draw_of(SPACE, 3)
    index = [SPACE.edges[0].operations.index(name) for name, _ in genotype["cell"].edges]
    assert of_cells(GRID, SPACE).of(genotype) == GRID[tuple(index)]


def test_a_table_must_have_every_operation_of_the_space():
    edges = {("cell", e.source, e.target): dict.fromkeys(e.operations, 1.0) for e in SPACE.edges}
    assert from_table("latency", EdgeCosts(2.0, edges), SPACE, "f").of(draw_of(SPACE, 0)) == 8
    del edges["cell", 1, 3]["nor_conv_3x3"]
    with pytest.raises(HarnessError, match="f has no latency of nor_conv_3x3 on the edge from 1 to 3 of the cell cell"):
        from_table("latency", EdgeCosts(2.0, edges), SPACE, "f")
    with pytest.raises(HarnessError, match="cells are NAS-Bench-201's; s1 has others"):
        of_cells(GRID, SPACES["s1"])
