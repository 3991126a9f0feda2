"""Derivation: published rules on random, tied and degenerate probabilities."""

from __future__ import annotations

import random

import pytest
from toy import UNLIKE

from harness.core.genotype import parse
from spaces import SPACES
from spaces.darts.members import S1_NORMAL, S1_REDUCE
from spaces.darts.topology import PAIRS

DARTS_FAMILY = [name for name in UNLIKE if "reduce" in SPACES[name].cells]


def random_rows(space, seed):
    draw = random.Random(seed)
    rows = []
    for width in space.widths:
        values = [draw.random() for _ in range(width)]
        rows.append([v / sum(values) for v in values])
    return rows


def sources_of(name, target):
    """How many edges a node has."""
    if "mobile" in name or "nats-sss" in name:
        return 1
    return target if "nasbench201" in name else 2


@pytest.mark.parametrize("name", UNLIKE)
def test_every_genotype_is_one_of_the_space(name):
    space = SPACES[name]
    for seed in range(50):
        genotype = space.derive(random_rows(space, seed))
        assert parse(str(genotype)) == genotype
        for kind, edges in space.cells.items():
            allowed = {(edge.target, edge.source): edge.operations for edge in edges}
            cell = genotype[kind]
            for target, node in enumerate(cell.nodes, start=cell.inputs):
                sources = [source for _, source in node]
                assert len(set(sources)) == len(sources) == sources_of(name, target)
                assert all(operation in allowed[target, source] for operation, source in node)


@pytest.mark.parametrize("name", DARTS_FAMILY)
def test_strongest_two_edges_in_decreasing_strength(name):
    """Said another way: rank all (edge, operation) pairs of a node, take the first of two predecessors."""
    space = SPACES[name]
    for seed in range(50):
        rows = random_rows(space, seed)
        genotype = space.derive(rows)
        for k, (kind, edges) in enumerate(space.cells.items()):
            for target in sorted({edge.target for edge in edges}):
                ranked = sorted(
                    (
                        (-rows[len(edges) * k + i][o], edge.source, edge.operations[o])
                        for i, edge in enumerate(edges)
                        if edge.target == target
                        for o in range(len(edge.operations))
                        if edge.operations[o] != "none"
                    ),
                )
                expected = []
                for _, source, operation in ranked:
                    if source not in [s for _, s in expected]:
                        expected.append((operation, source))
                assert genotype[kind].nodes[target - 2] == tuple(expected[:2])


@pytest.mark.parametrize("name", ["darts-none", "s3"])
def test_none_is_never_chosen_and_its_mass_is_not_given_away(name):
    space = SPACES[name]
    rows = [[0.9] + [0.1 / (width - 1)] * (width - 1) for width in space.widths]
    # Edge 3 <- 2 (row 4) has the least mass on none left over, so it must rank first in node 3.
    rows[4][0], rows[4][1] = 0.8, rows[4][1] + 0.1
    genotype = space.derive(rows)
    assert all(operation != "none" for kind in genotype.kinds for operation, _ in genotype[kind].edges)
    assert genotype["normal"].nodes[1][0][1] == 2


def test_ties_go_to_the_smaller_predecessor_and_operation():
    space = SPACES["darts"]
    genotype = space.derive([[1 / 7] * 7] * 28)
    assert set(genotype["normal"].edges) == {("max_pool_3x3", 0), ("max_pool_3x3", 1)}
    assert all(node == (("max_pool_3x3", 0), ("max_pool_3x3", 1)) for node in genotype["reduce"].nodes)


def test_noise_can_be_derived():
    genotype = SPACES["s4"].derive([[0.6, 0.4]] * 28)
    assert {operation for operation, _ in genotype["normal"].edges} == {"noise"}


def test_nasbench201_keeps_every_edge_and_may_choose_none():
    rows = [[0.0] * 5 for _ in range(6)]
    for row, column in zip(rows, [0, 1, 2, 3, 4, 0], strict=True):
        row[column] = 1.0
    expected = "|none~0|+|skip_connect~0|nor_conv_1x1~1|+|nor_conv_3x3~0|avg_pool_3x3~1|none~2|"
    assert str(SPACES["nasbench201"].derive(rows)) == expected


def test_s1_table():
    """Edge by edge, written out once more."""
    normal = {
        (0, 2): "skip d3",
        (1, 2): "skip d5",
        (0, 3): "skip d5",
        (1, 3): "skip s3",
        (2, 3): "skip d3",
        (0, 4): "max skip",
        (1, 4): "skip s3",
        (2, 4): "skip s3",
        (3, 4): "skip d3",
        (0, 5): "skip s3",
        (1, 5): "max skip",
        (2, 5): "skip d3",
        (3, 5): "d3 d5",
        (4, 5): "d3 d5",
    }
    reduce = {
        (0, 2): "max avg",
        (1, 2): "max d3",
        (0, 3): "max avg",
        (1, 3): "max avg",
        (2, 3): "skip d5",
        (0, 4): "max avg",
        (1, 4): "max s3",
        (2, 4): "skip d3",
        (3, 4): "skip d5",
        (0, 5): "max avg",
        (1, 5): "max avg",
        (2, 5): "skip d5",
        (3, 5): "skip d5",
        (4, 5): "skip d5",
    }
    full = {
        "skip": "skip_connect",
        "max": "max_pool_3x3",
        "avg": "avg_pool_3x3",
        "s3": "sep_conv_3x3",
        "d3": "dil_conv_3x3",
        "d5": "dil_conv_5x5",
    }
    space = SPACES["s1"]
    for table, kind in ((normal, "normal"), (reduce, "reduce")):
        found = {(e.source, e.target): e.operations for e in space.cells[kind]}
        assert found == {pair: tuple(full[code] for code in codes.split()) for pair, codes in table.items()}
    assert len(S1_NORMAL.split()) == len(S1_REDUCE.split()) == len(PAIRS) == 14
