"""The relaxations of ProxylessNAS and ENAS, and what trains their weights: probabilities by enumeration, gradients
against the published formulas."""

from __future__ import annotations

import copy
import math
from collections import Counter
from dataclasses import replace
from itertools import product

import pytest
import torch
from scipy import stats
from toy import ToyPart, space_of

from methods.relaxations.binary_gates import BinaryGates
from methods.relaxations.categorical import Categorical
from methods.relaxations.controller import Controller, names_of
from methods.relaxations.softmax import Softmax
from methods.samplers.sampled import Sampled
from methods.samplers.sampler import Position
from methods.schedules.clock import Clock
from methods.training.weights import FlatModel
from spaces import SPACES
from spaces.cells import Edge
from spaces.edges.sparse import SparseOperations

WIDTHS = (3, 1, 2, 4)
SPACE = space_of(WIDTHS)
ALPHA = torch.tensor([0.0, 1.0, -1.0, 0.5, 0.3, 0.3, 2.0, -2.0, 0.1, 0.0], dtype=torch.float64)
CLOCK = Clock(0, 1, 0)
PROBABILITIES = (0.6, 0.3, 0.1)
MANY = 3000
"""Edges of a space whose every edge is a sample."""
SAMPLES = space_of((len(PROBABILITIES),) * MANY)
OF_SAMPLES = torch.tensor(PROBABILITIES).double().log().repeat(MANY)
TINY = torch.finfo(torch.float64).tiny


def draw(seed):
    return torch.Generator().manual_seed(seed)


def rows(alpha, widths=WIDTHS):
    return alpha.split(list(widths))


def fits(counts, probabilities):
    """Whether counts are of a sample with these probabilities."""
    expected = [MANY * p for p in probabilities]
    return stats.chisquare(counts, expected).pvalue > 1e-3


def test_one_operation_per_edge_is_drawn_with_its_probability_and_knows_it():
    alpha = ALPHA.clone().requires_grad_()
    drawn = Categorical().sample(alpha, SPACE, CLOCK, draw(0))
    columns = drawn.gates.argmax(dim=1)
    assert drawn.gates.sum(dim=1).tolist() == [1.0] * len(WIDTHS)
    assert not drawn.gates.requires_grad
    logs = [row.log_softmax(dim=0) for row in rows(alpha)]
    assert torch.allclose(drawn.log_probability, sum(log[i] for log, i in zip(logs, columns, strict=True)))
    assert torch.allclose(drawn.entropy, -sum((log.exp() * log).sum() for log in logs))
    (gradient,) = torch.autograd.grad(drawn.log_probability, alpha)
    expected = [torch.eye(len(log))[i] - log.exp() for log, i in zip(logs, columns, strict=True)]
    assert torch.allclose(gradient, torch.cat(expected))
    assert torch.equal(Categorical().gates(alpha, SPACE, CLOCK, draw(0)), drawn.gates)


@pytest.mark.parametrize("drawing", ["categorical", "sampled"])
def test_operations_are_as_frequent_as_they_are_probable(drawing):
    if drawing == "sampled":
        gates = Sampled().gates(0, Position(OF_SAMPLES, Softmax(), {}, SAMPLES, CLOCK, 10), draw(0))
    else:
        gates = Categorical().gates(OF_SAMPLES, SAMPLES, CLOCK, draw(0))
    assert set(gates.flatten().tolist()) == {0.0, 1.0}
    assert fits(gates.sum(dim=0).tolist(), PROBABILITIES)


def test_a_sampled_path_never_takes_what_an_edge_does_not_have():
    gates = Sampled().gates(0, Position(ALPHA, Softmax(), {}, SPACE, CLOCK, 10), draw(0))
    assert all(row[:width].sum() == 1 for row, width in zip(gates, WIDTHS, strict=True))


def test_two_operations_are_drawn_without_replacement_and_one_of_them_by_its_share():
    p = PROBABILITIES
    gates = BinaryGates().gates(OF_SAMPLES, SAMPLES, CLOCK, draw(0))
    assert set(gates.flatten().tolist()) == {0.0, TINY, 1.0}
    assert (gates == TINY).sum(dim=1).tolist() == [1] * MANY
    found = Counter(zip(gates.argmax(dim=1).tolist(), (gates == TINY).int().argmax(dim=1).tolist(), strict=True))
    pairs = [(i, j) for i, j in product(range(3), repeat=2) if i != j]
    both = {(i, j): p[i] * p[j] / (1 - p[i]) + p[i] * p[j] / (1 - p[j]) for i, j in pairs}
    assert fits([found[pair] for pair in pairs], [both[i, j] * p[i] / (p[i] + p[j]) for i, j in pairs])


def test_all_operations_are_learnt_of_in_the_other_mode():
    gates = BinaryGates("all").gates(OF_SAMPLES, SAMPLES, CLOCK, draw(0))
    assert ((gates > 0).sum(dim=1) == 3).all()
    assert fits((gates == 1).sum(dim=0).tolist(), PROBABILITIES)


@pytest.mark.parametrize("paths", ["two", "all"])
def test_binary_gates_have_the_published_gradient(paths):
    """mix_op.py, set_arch_param_grad."""
    alpha = ALPHA.clone().requires_grad_()
    of_gates = torch.randn(4, 4, dtype=torch.float64, generator=draw(9))
    gates = BinaryGates(paths).gates(alpha, SPACE, CLOCK, draw(3))
    (gradient,) = torch.autograd.grad(gates, alpha, of_gates)
    expected = []
    for logits, row, g in zip(rows(ALPHA), gates, of_gates, strict=True):
        involved = [i for i in range(len(logits)) if row[i] > 0]
        assert len(involved) == min(len(logits), 2 if paths == "two" else 4)
        q = {i: math.exp(logits[i]) / sum(math.exp(logits[j]) for j in involved) for i in involved}
        expected += [
            sum(float(g[j]) * q[j] * ((i == j) - q[i]) for j in involved) if i in involved else 0.0
            for i in range(len(logits))
        ]
    assert gradient.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_resting_operation_teaches_what_it_would_change_and_changes_nothing():
    """The gradient of a gate is <o(x), dL/dy>, of the operation that rests too. (No `none`: where a node is exactly 0,
    its ReLU has no derivative.)"""
    space = SPACES["nasbench201"]
    torch.manual_seed(0)
    macro = replace(space.macro(), channels=2, cells=1)
    model = FlatModel(space.supernet(macro, 4, SparseOperations).double(), "cpu")
    images, labels = ToyPart(8, 0).batch(torch.arange(8), None)
    batch = images.double(), labels
    alpha = torch.tensor([-50.0, 0, 0, 0, 0], dtype=torch.float64).repeat(len(space.edges))
    gates = BinaryGates().gates(alpha, space, CLOCK, draw(1))
    found = model.run(batch, gates, None, of_gates=True)
    path = torch.where(gates == 1, 1.0, 0.0).double()
    assert torch.equal(found.loss, model.run(batch, path, None).loss)
    resting = [(row, column) for row, column in torch.nonzero(gates == TINY).tolist()]
    assert len(resting) == len(space.edges)
    for row, column in resting:
        losses = []
        for step in (1e-5, -1e-5):
            moved = path.clone()
            moved[row, column] = step
            losses.append(model.run(batch, moved, None).loss)
        assert found.of_gates[row, column] == pytest.approx(float(losses[0] - losses[1]) / 2e-5, abs=1e-7)
    assert found.of_gates[tuple(torch.tensor(resting).T)].abs().max() > 1e-4


def test_the_two_keep_their_probability_and_all_others_theirs():
    """mix_op.py, rescale_updated_arch_param."""
    before = ALPHA.clone()
    after = before.clone()
    after[[0, 2]] += torch.tensor([0.5, -0.1], dtype=torch.float64)  # two of the first edge
    after[[7, 9]] += torch.tensor([-0.7, 0.2], dtype=torch.float64)  # and of the last
    moved = BinaryGates().moved(before, after, SPACE)
    for old, raw, new in zip(rows(before), rows(after), rows(moved), strict=True):
        two = old != raw
        assert torch.equal(new[~two], old[~two])
        assert new.softmax(dim=0)[~two].tolist() == pytest.approx(old.softmax(dim=0)[~two].tolist())
        if two.any():
            assert float((new[two].exp().sum() / old[two].exp().sum()).log()) == pytest.approx(0, abs=1e-12)
            assert torch.allclose((new - raw)[two], (new - raw)[two][0].expand(2))
    assert torch.equal(Softmax().moved(before, after, SPACE), after)


def emissions(controller, alpha, space):
    """All genotypes that a controller can make, decision by decision: what chose them, and each as it was made."""
    ahead = [()]
    while ahead:
        prefix, options = ahead.pop(), []

        def choose(logs, prefix=prefix, options=options):
            options.append([i for i, log in enumerate(logs.tolist()) if log > -math.inf])
            return prefix[len(options) - 1] if len(options) <= len(prefix) else options[-1][0]

        made = controller.emission(alpha, space, choose)
        chosen = prefix + tuple(left[0] for left in options[len(prefix) :])
        for place in range(len(prefix), len(options)):
            ahead += [(*chosen[:place], other) for other in options[place][1:]]
        yield chosen, made


SMALL = Controller(lstm_hidden=4)
NODES = replace(
    SPACES["darts-none"],
    cells={
        "normal": (
            Edge(0, 2, ("none", "skip_connect", "sep_conv_3x3")),
            Edge(1, 2, ("none", "sep_conv_3x3")),
            Edge(0, 3, ("skip_connect",)),
            Edge(1, 3, ("skip_connect", "sep_conv_3x3")),
            Edge(2, 3, ("sep_conv_3x3",)),
        )
    },
)
CHAIN = space_of((2, 1, 3))


@pytest.mark.parametrize(("space", "count"), [(NODES, 2 * 2 * 10), (CHAIN, 6)], ids=["nodes", "chain"])
def test_the_probabilities_of_all_that_a_controller_can_make_sum_to_1(space, count):
    """Of nodes: two orders of two inputs; of the second node's six, four with the edge that has two operations."""
    alpha = SMALL.initial(space, draw(0)).double() * 8
    made = list(emissions(SMALL, alpha, space))
    assert len({chosen for chosen, _ in made}) == len(made) == count
    assert math.fsum(float(one.log_probability.exp()) for _, one in made) == pytest.approx(1, abs=1e-12)
    exact = -math.fsum(float(one.log_probability.exp() * one.log_probability) for _, one in made)
    mean = math.fsum(float(one.log_probability.exp() * one.entropy) for _, one in made)
    assert mean == pytest.approx(exact)  # the chain rule of the entropy


def test_the_most_probable_decisions_are_the_strengths():
    alpha = SMALL.initial(NODES, draw(0)).double() * 8
    greedy = SMALL.emission(alpha, NODES, lambda logs: int(logs.argmax()))
    strengths = SMALL.strengths(alpha, NODES)
    assert (strengths.sum(dim=1) > 0).tolist() == [row in greedy.operations for row in range(5)]
    for row, (column, _) in greedy.operations.items():
        assert strengths[row].argmax() == column
        assert strengths[row].sum() <= 1 + 1e-12
    assert strengths[0, 0] == strengths[1, 0] == 0  # `none`


@pytest.mark.parametrize("name", ["darts-none", "s2", "nasbench201"])
def test_a_controller_makes_legal_cells(name):
    space, seen = SPACES[name], set()
    alpha = SMALL.initial(space, draw(0)) * 30
    for seed in range(4):
        gates = SMALL.gates(alpha, space, CLOCK, draw(seed))
        genotype = space.derive([row[:width] for row, width in zip(gates.tolist(), space.widths, strict=True)])
        seen.add(str(genotype))
        chosen = sum(len(node) for _, cell in genotype.cells for node in cell.nodes)
        assert gates.sum() == chosen == (6 if name == "nasbench201" else 16)
        assert all(space.derivable(operation) for _, cell in genotype.cells for operation, _ in cell.edges)
    assert len(seen) > 1


def test_a_controller_begins_as_the_original():
    space = SPACES["darts"]
    controller = Controller(lstm_layers=2)
    alpha = controller.initial(space, draw(0))
    parts = controller._parameters(alpha, space)
    bias = dict(zip(names_of(space), parts.pop("bias").tolist(), strict=True))
    assert bias == {name: 10.0 * name.startswith("sep_conv") for name in bias}
    drawn = torch.cat([part.flatten() for part in parts.values()])
    assert len(drawn) + len(bias) == controller.size(space)
    assert 0.099 < drawn.max() <= 0.1
    assert -0.1 <= drawn.min() < -0.099
    assert {name: tuple(part.shape) for name, part in parts.items()} == {
        "start": (64,),
        "lstm.0": (256, 128),
        "lstm.1": (256, 128),
        "embedding": (len(bias), 64),
        "operations": (len(bias), 64),
        "key": (64, 64),
        "query": (64, 64),
        "attention": (64,),
    }


def test_the_first_kind_of_cell_prefers_convolutions_for_good():
    """With all parameters 0 the logits are what is not learnt: 0.25 and -0.25 in the normal cell."""
    space = SPACES["darts"]
    nothing = torch.zeros(SMALL.size(space))
    normal, reduce = (SMALL.strengths(nothing, space)[row] for row in (0, 14))
    names = space.edges[0].operations
    ratio = normal[names.index("sep_conv_3x3")] / normal[names.index("skip_connect")]
    assert float(ratio) == pytest.approx(math.exp(0.5))
    assert len(set(reduce.tolist())) == 1


def test_logits_are_bounded_and_those_of_operations_more():
    space = CHAIN
    controller = replace(SMALL, tanh_constant=2.0, tanh_reduction=4.0, convolution_bonus=0.0)
    alpha = torch.full((controller.size(space),), 100.0)
    alpha[-1] = -1e9  # the bias of the last operation
    (row,) = [controller.strengths(alpha, space)[2].log()]
    assert float(row[0] - row[2]) == pytest.approx(2 * 2.0 / 4.0)
    softer = replace(controller, logit_temperature=1e9)
    assert softer.strengths(alpha, space)[2, :2].log().diff().abs() < 1e-6


def test_the_lstm_is_that_of_torch():
    space = CHAIN
    controller = replace(SMALL, lstm_layers=2)
    alpha = controller.initial(space, draw(0)).double() * 10
    parts = controller._parameters(alpha, space)
    theirs = torch.nn.LSTM(4, 4, num_layers=2, bias=False).double()
    for layer in range(2):
        i, f, o, g = parts[f"lstm.{layer}"].chunk(4)
        ordered = torch.cat([i, f, g, o])
        getattr(theirs, f"weight_ih_l{layer}").data.copy_(ordered[:, :4])
        getattr(theirs, f"weight_hh_l{layer}").data.copy_(ordered[:, 4:])
    given, state, logs = parts["start"], None, 0.0
    for edge in space.edges:  # always the first operation
        out, state = theirs(given[None], state)
        logits = (parts["operations"] @ out[0] + parts["bias"])[: len(edge.operations)]
        logits = controller.tanh_constant / controller.tanh_reduction * logits.tanh()
        logs = logs + logits.log_softmax(dim=0)[0]
        given = parts["embedding"][0]
    ours = controller.emission(alpha, space, lambda logs: 0)
    assert torch.allclose(ours.log_probability, logs, atol=1e-12)


def test_a_controller_learns_through_every_parameter():
    space = SPACES["darts"]
    alpha = SMALL.initial(space, draw(0)).requires_grad_()
    (gradient,) = torch.autograd.grad(SMALL.sample(alpha, space, CLOCK, draw(0)).log_probability, alpha)
    parts = SMALL._parameters(gradient, space)
    assert all(part.abs().max() > 0 for part in parts.values())
    assert copy.deepcopy(SMALL) == SMALL
