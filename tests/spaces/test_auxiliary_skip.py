"""The auxiliary skip of DARTS-: the values, what gets a gradient, how it fades, and that it is no candidate."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from plain_supernets import hold_to_plain, plain_supernet
from toy import ToyDataset, small_settings

from methods import METHODS
from methods.search.parts import compose
from methods.search.search import Search
from spaces import SPACES
from spaces.edges.auxiliary_skip import AuxiliarySkipEdge, SumWithAuxiliarySkip

CLASSES, BETA = 5, 0.7


def sizes(space):
    return {"channels": 2, "cells": 3 if "normal" in space.cells else 1}


def pruned():
    """DARTS' space with 7 to 1 operations on an edge."""
    space = SPACES["darts"]
    return space.restricted([edge.operations[row % 7 :] for row, edge in enumerate(space.edges)])


def with_auxiliary(space):
    """The space as a plain supernet has to see it: a last operation more on every edge."""
    cells = {
        kind: tuple(dataclasses.replace(edge, operations=(*edge.operations, "auxiliary")) for edge in edges)
        for kind, edges in space.cells.items()
    }
    return dataclasses.replace(space, cells=cells)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(
    "space", [SPACES["darts"], pruned(), SPACES["s3"], SPACES["nasbench201"]], ids=["darts", "pruned", "s3", "nb201"]
)
def test_equals_the_plain_sum_with_a_skip_besides(space, training):
    torch.manual_seed(1)
    net = space.supernet(dataclasses.replace(space.macro(), **sizes(space)), CLASSES, SumWithAuxiliarySkip).double()
    plain = plain_supernet(with_auxiliary(space), classes=CLASSES, **sizes(space)).double()
    gates = torch.rand(len(space.widths), max(space.widths), dtype=torch.float64).requires_grad_()
    other = torch.cat([gates.detach(), torch.zeros(len(gates), 1)], dim=1)
    for row, width in enumerate(space.widths):
        other[row, width] = BETA
    other.requires_grad_()
    hold_to_plain(net.train(training), plain.train(training), AuxiliarySkipEdge(BETA).all_gates(gates, 0, 1), other)
    inside = torch.arange(gates.shape[1]) < torch.tensor(space.widths)[:, None]
    torch.testing.assert_close(gates.grad[inside], other.grad[:, :-1][inside], rtol=1e-9, atol=1e-12)


def test_it_fades_linearly_and_is_there_to_the_last_epoch():
    """DARTS-'s own figures: 1 in the first of 50 epochs, 0.02 in the last."""
    edge, gates = AuxiliarySkipEdge(), torch.rand(3, 2)
    strengths = [float(edge.all_gates(gates, epoch, 50)[1, -1]) for epoch in (0, 25, 49)]
    assert strengths == pytest.approx([1.0, 0.5, 0.02])
    assert torch.equal(edge.all_gates(gates, 7, 50)[:, :2], gates)


@pytest.mark.parametrize("perturbation", ["none", "adversarial"])
def test_a_search_has_it_in_every_forward_and_alpha_and_the_cell_do_not(perturbation):
    """Weight steps, attacks before them, alpha's gradients and validation all see the strength of their epoch."""
    composition = dataclasses.replace(METHODS["darts-minus"].composition, perturbation=perturbation)
    settings = small_settings("darts-minus", "nasbench201", epochs=3)
    parts = compose(composition, SPACES["nasbench201"], user=settings)
    search = Search(parts, SPACES["nasbench201"], ToyDataset(), 0)
    state, seen = search.start(), []
    for model in (search.supernets.model, search.supernets.scratch):
        model.module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[1][:, -1].unique().tolist()))
    while not state.stopped_by:
        before, first = len(seen), state.epoch
        search.advance(state)
        assert len(seen) > before
        assert seen[before:] == [[pytest.approx(1 - first / 3)]] * (len(seen) - before)
    assert len(state.alpha) == search.space.dimension
    assert len(search.result(state).genotype["cell"].nodes) == 3
