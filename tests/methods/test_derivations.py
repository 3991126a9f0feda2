"""Derivations, on cells worked out by hand."""

from __future__ import annotations

import pytest
from toy import standing_of

from harness.core.genotype import parse
from methods.derivations.best_pairs import BestPairs
from methods.derivations.by_perturbation import ByPerturbation
from methods.derivations.derivation import OfSpace, Ranking
from methods.derivations.every_edge import EveryEdge
from methods.derivations.threshold import Threshold
from spaces import SPACES

DARTS, WITH_NONE, BENCHMARK = SPACES["darts"], SPACES["darts-none"], SPACES["nasbench201"]
S3, S5, SK = "sep_conv_3x3", "sep_conv_5x5", "skip_connect"


def standing(space, strong, measure=None):
    """Strengths of 0.1, but for (row, operation): strength."""
    rows = [[strong.get((row, name), 0.1) for name in edge.operations] for row, edge in enumerate(space.edges)]
    return standing_of(space, rows, measure)


STRONG = {(0, S3): 0.9, (0, S5): 0.95, (1, SK): 0.85, (2, SK): 0.84, (3, S3): 0.99, (13, S5): 0.9}
"""Rows 0 and 1 enter node 2, rows 2 to 4 node 3, 5 to 8 node 4, 9 to 13 node 5 of the normal cell."""


def test_a_threshold_leaves_nodes_with_two_one_and_no_inputs():
    found = Threshold().derive(standing(DARTS, STRONG))
    assert found["normal"].nodes == (((S5, 0), (SK, 1)), ((S3, 1),), (), ((S5, 4),))
    assert parse(str(found)) == found


def test_a_cell_that_nothing_is_strong_enough_for_has_its_strongest_edge():
    found = Threshold().derive(standing(DARTS, {(14, SK): 0.2}))
    assert found["reduce"].nodes == (((SK, 0),), (), (), ())
    assert Threshold(0.0).derive(standing(DARTS, STRONG))["normal"].nodes[0] == ((S5, 0), (SK, 1))


def test_the_best_pairs_may_share_an_edge():
    found = BestPairs().derive(standing(DARTS, STRONG))["normal"].nodes
    assert found[:2] == (((S5, 0), (S3, 0)), ((S3, 1), (SK, 0)))
    assert OfSpace().derive(standing(DARTS, STRONG))["normal"].nodes[0] == ((S5, 0), (SK, 1))


@pytest.mark.parametrize("derivation", [Threshold(), EveryEdge()])
def test_a_cell_whose_inputs_nothing_reads_has_its_strongest_edge_from_one(derivation):
    """Here an edge from the first node to the second is all that is chosen."""
    strong = {(row, "none"): 0.95 for row in range(28)} | {(4, S3): 0.99, (1, S5): 0.4, (0, SK): 0.4}
    found = derivation.derive(standing(WITH_NONE, strong))
    assert found["normal"].nodes == (((SK, 0),), ((S3, 2),), (), ())
    assert found["reduce"].nodes == ((("max_pool_3x3", 0),), (), (), ())


def test_every_edge_has_its_strongest_operation_and_is_left_out_where_that_is_none():
    """A node with all of its inputs, one with one, one with none, one with four; ties go to the first operation."""
    strong = {(row, "none"): 0.5 for row in range(14, 28)} | {(row, "none"): 0.3 for row in (2, 3, 5, 6, 7, 8)}
    strong |= {(0, S3): 0.2, (1, S5): 0.2, (1, SK): 0.2, (4, S3): 0.31, (3, S5): 0.3, (9, "none"): 0.11}
    strong |= {(row, SK): 0.9 for row in range(10, 14)} | {(15, S5): 0.6, (16, S5): 0.5}
    found = EveryEdge().derive(standing(WITH_NONE, strong))
    assert found["normal"].nodes == (((S3, 0), (SK, 1)), ((S3, 2),), (), ((SK, 1), (SK, 2), (SK, 3), (SK, 4)))
    assert found["reduce"].nodes == (((S5, 1),), (), (), ())
    assert parse(str(found)) == found


def test_every_edge_stays_where_there_is_no_none():
    found = EveryEdge().derive(standing(DARTS, STRONG))["normal"].nodes
    assert [len(node) for node in found] == [2, 3, 4, 5]
    assert found[:2] == (((S5, 0), (SK, 1)), ((SK, 0), (S3, 1), ("max_pool_3x3", 2)))


@pytest.mark.parametrize("derivation", [Threshold(), BestPairs(), EveryEdge()])
def test_the_benchmark_has_an_operation_on_every_edge(derivation):
    at = standing(BENCHMARK, {(2, "none"): 0.3, (4, SK): 0.9})
    assert derivation.derive(at) == OfSpace().derive(at)


@pytest.mark.parametrize("hurts_by", ["accuracy", "loss"])
@pytest.mark.parametrize("space", [DARTS, BENCHMARK], ids=lambda space: space.name)
def test_by_perturbation_the_operations_stay_that_are_missed_most(space, hurts_by):
    """The accuracy is a sum over gates, in which every edge has one operation that counts, later edges more."""
    wanted = [1 + row % (len(edge.operations) - 1) for row, edge in enumerate(space.edges)]
    calls = []

    def measure(gates):
        calls.append(gates)
        accuracy = sum((row + 1) * float(gates[row, column]) for row, column in enumerate(wanted))
        return -accuracy, accuracy

    at = standing(space, {}, measure)
    pairs = zip(space.edges, wanted, strict=True)
    strong = {(row, edge.operations[column]): row + 1.0 for row, (edge, column) in enumerate(pairs)}
    found, expected = ByPerturbation(hurts_by).conclude(at), OfSpace().derive(standing(space, strong))
    assert [sorted(node) for _, cell in found.cells for node in cell.nodes] == [
        sorted(node) for _, cell in expected.cells for node in cell.nodes
    ]
    assert len(calls) >= sum(space.widths) - len(space.edges)
    assert ByPerturbation().derive(at) == OfSpace().derive(at)


def test_an_output_that_nothing_reaches_is_given_an_input():
    """Of 8 nodes the last 4 are the output: edges into the first node, and none further, make no way to it."""
    space = SPACES["bench-single-cell"]
    rows = [[0.0] + [0.5 if edge.target == 2 else 0.1] * 7 for edge in space.edges]
    cell = Threshold(threshold=0.3).derive(Ranking(space, rows))["reduce"]
    assert cell.nodes[0] == (("max_pool_3x3", 0), ("max_pool_3x3", 1))
    assert cell.nodes[4] == (("max_pool_3x3", 0),)
    assert cell.output == (6,)
