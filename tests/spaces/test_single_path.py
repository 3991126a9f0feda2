"""The single-path edge: one operation per edge runs, and the output is that of the sampled sub-network."""

from __future__ import annotations

import collections
import dataclasses

import pytest
import torch
import torch.nn.functional as F
from plain_supernets import plain_supernet

from spaces import SPACES
from spaces.edges.single_path import SinglePath, SinglePathAllGates
from spaces.edges.sparse import SparseOperations

NAMES = ("darts-none", "s1", "nasbench201")
BATCH, SIZE, CLASSES = 4, 8, 5


def sizes(space):
    return {"channels": 2, "cells": 1 if space.name == "nasbench201" else 3}


def sampled(name, outgoing=SinglePath):
    """A supernet in float64, images, and a random choice of one column per edge."""
    space = SPACES[name]
    torch.manual_seed(1)
    net = space.supernet(dataclasses.replace(space.macro(), **sizes(space)), CLASSES, outgoing).double()
    columns = [int(torch.randint(width, ())) for width in space.widths]
    gates = torch.zeros(len(columns), max(space.widths), dtype=torch.float64)
    gates[range(len(columns)), columns] = 1
    return space, net, torch.randn(BATCH, 3, SIZE, SIZE, dtype=torch.float64), columns, gates


def cells_of(net):
    """The mixed graphs, cell by cell."""
    return [module for module in net.modules() if hasattr(module, "leaving")]


@pytest.mark.parametrize("name", NAMES)
def test_exactly_one_operation_per_edge_runs(name):
    space, net, x, columns, gates = sampled(name)
    ran = collections.Counter()
    expected = collections.Counter()
    for number, graph in enumerate(cells_of(net)):
        for leaving in graph.leaving:
            for (row, edge), own in zip(leaving.edges, leaving.own, strict=True):
                kind_row = row + (14 if name != "nasbench201" and number in net.reductions else 0)
                expected[number, row, edge.operations[columns[kind_row]]] += 1
                for operation, module in own.items():
                    first = next(m for m in module.modules() if not list(m.children()))
                    key = (number, row, operation)
                    first.register_forward_hook(lambda *_, key=key: ran.update([key]))
    net(x, gates)
    assert ran == expected
    assert len(ran) == len(cells_of(net)) * len(space.cells["cell" if name == "nasbench201" else "normal"])


@pytest.mark.parametrize("name", NAMES)
def test_the_output_is_that_of_the_sampled_sub_network(name):
    """Against a plain network that holds nothing but the chosen operations, with their weights."""
    space, net, x, columns, gates = sampled(name)
    names = [[edge.operations[column]] for edge, column in zip(space.edges, columns, strict=True)]
    sub = plain_supernet(space.restricted(names), classes=CLASSES, **sizes(space)).double()
    cells = list(sub.cells)
    for graph, cell in zip(cells_of(net), cells, strict=True):
        for source, leaving in enumerate(graph.leaving):
            for (_, edge), own in zip(leaving.edges, leaving.own, strict=True):
                for operation, theirs in cell.edges[f"{source}>{edge.target}"].ops.items():
                    copy_weights(own[operation], theirs)
    copy_weights_around(net, sub)
    torch.testing.assert_close(net(x, gates), sub(x, torch.ones(len(columns), 1, dtype=torch.float64)))
    other = gates.roll(1, dims=1) if min(space.widths) == max(space.widths) else 1 - gates
    assert not torch.allclose(net(x, other), net(x, gates))


def copy_weights(ours, theirs):
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))


def copy_weights_around(net, sub):
    """The weights outside the mixed edges."""
    if hasattr(sub, "residuals"):
        pairs = [(net.stem, sub.stem), (net.norm, sub.bn), (net.classifier, sub.head)]
        for ours, theirs in zip(net.reductions, sub.residuals, strict=True):
            pairs += [(ours.first, theirs.conv_a), (ours.second, theirs.conv_b), (ours.shortcut, theirs.shortcut)]
    else:
        pairs = [(net.stem.layers, sub.stem), (net.classifier, sub.head)]
        for ours, theirs in zip(net.cells, sub.cells, strict=True):
            pairs += [(ours.preprocess0, theirs.pre0), (ours.preprocess1, theirs.pre1)]
    for ours, theirs in pairs:
        copy_weights(ours, theirs)


@pytest.mark.parametrize("outgoing", [SinglePath, SinglePathAllGates])
def test_which_gates_get_a_gradient(outgoing):
    """GDAS's NAS-Bench-201 cell adds the gates that did not run, whose values are 0; its NASNet cell does not."""
    _, net, x, _, gates = sampled("nasbench201", outgoing)
    gates.requires_grad_()
    plain = sampled("nasbench201")[1](x, gates.detach())
    out = net(x, gates)
    assert torch.equal(out, plain)
    F.cross_entropy(out, torch.arange(BATCH)).backward()
    chosen = gates.detach() == 1
    assert (gates.grad[chosen] != 0).sum() >= 4  # an edge that does not reach the output has none
    assert bool((gates.grad[~chosen] == 0).all()) == (outgoing is SinglePath)


def test_a_sum_that_adds_the_gates_is_the_published_forward():
    """op(x) * w where the operation was chosen and w alone where not, on one edge, by autograd."""
    edge = SPACES["nasbench201"].edges[0]
    torch.manual_seed(0)
    builds = {name: torch.nn.Conv2d(2, 2, 1).double() for name in edge.operations}
    leaving = SinglePathAllGates([(0, edge)], 2, 1, lambda name, channels, stride: builds[name])
    x = torch.randn(BATCH, 2, 4, 4, dtype=torch.float64)
    hard = torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    ours, theirs = hard.clone().requires_grad_(), hard.clone().requires_grad_()
    ((target, y),) = leaving(x, leaving.prepare(ours), None)
    z = sum(builds[name](x) * w if i == 2 else w for i, (name, w) in enumerate(zip(builds, theirs[0], strict=True)))
    assert target == edge.target
    torch.testing.assert_close(y, z)
    (y.sin().sum()).backward()
    (z.sin().sum()).backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("outgoing", [SinglePath, SinglePathAllGates])
def test_an_edge_whose_gates_are_all_0_gives_zeros(outgoing):
    """As under the sparse edge, with and without gradients of the gates."""
    _, net, x, _, gates = sampled("s1", outgoing)
    twin = sampled("s1", SparseOperations)[1]
    gates[[1, 6, 20]] = 0.0
    assert torch.equal(net(x, gates), twin(x, gates))
    torch.testing.assert_close(net(x, gates.requires_grad_()), twin(x, gates))
