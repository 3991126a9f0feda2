"""Derivations, on cells worked out by hand."""

from __future__ import annotations

import pytest
from toy import standing_of

from harness.core.genotype import parse
from methods.derivations.best_pairs import BestPairs
from methods.derivations.by_perturbation import ByPerturbation
from methods.derivations.derivation import OfSpace
from methods.derivations.threshold import Threshold
from spaces import SPACES

DARTS, BENCHMARK = SPACES["darts"], SPACES["nasbench201"]
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


@pytest.mark.parametrize("derivation", [Threshold(), BestPairs()])
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
