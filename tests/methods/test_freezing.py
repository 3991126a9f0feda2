"""Operation-level early stopping: cosines by operation, windows, and weights that stay what they are to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toy import ToyDataset, ToyPart, small_settings

from harness.core.types import Budget
from methods import METHODS
from methods.families import resolve
from methods.freezing.diverging_gradients import DivergingGradients
from methods.freezing.freezing import Trained
from methods.freezing.operations import of_those_left, operations_of
from methods.search.search import Search
from methods.training.weights import FlatModel, Training
from spaces import SPACES
from spaces.edges.sparse import SparseOperations
from spaces.edges.sum import SumOfOperations
from spaces.supernet import MixedGraph

NAN = float("nan")


def model_of(name, edge):
    space = SPACES[name]
    torch.manual_seed(0)
    macro = replace(space.macro(), channels=2, cells=1 if name == "nasbench201" else 3)
    return FlatModel(space.supernet(macro, 4, edge).double().train(), "cpu")


def gradients_of(model, name):
    """On two batches."""
    space, found = SPACES[name], []
    gates = torch.full((len(space.widths), max(space.widths)), 0.3, dtype=torch.float64)
    for seed in (1, 2):
        images, labels = ToyPart(8, seed).batch(torch.arange(8), None)
        model.run((images.double(), labels), gates, torch.Generator(), of_weights=True)
        found.append(model.gradient.clone())
    return found


@pytest.mark.parametrize("name", ["s1", "nasbench201"])
def test_cosines_are_those_of_a_loop_over_the_operations_parameters(name):
    model = model_of(name, SparseOperations)
    operations = operations_of(model)
    a, b = gradients_of(model, name)
    cosines = dict(zip(operations.names, operations.cosines(a, b).tolist(), strict=True))
    with_weights = 0
    for path, graph in model.module.named_modules():
        for leaving in graph.leaving if isinstance(graph, MixedGraph) else ():
            for (_, edge), own in zip(leaving.edges, leaving.own, strict=True):
                for operation, module in own.items():
                    both = []
                    for gradient in (a, b):
                        model.gradient.copy_(gradient)
                        both.append([parameter.grad.flatten().clone() for parameter in module.parameters()])
                    found_as = f"{path}.{edge.source}-{edge.target}.{operation}"
                    found = cosines.pop(found_as, NAN)
                    if both[0]:
                        expected = F.cosine_similarity(torch.cat(both[0]), torch.cat(both[1]), dim=0)
                        assert found == pytest.approx(float(expected), rel=1e-10)
                        chosen = torch.tensor([name == found_as for name in operations.names])
                        own_weights = a[operations.weights_of(chosen)]
                        assert torch.equal(own_weights.sort().values, torch.cat(both[0]).sort().values)
                        with_weights += 1
                    else:
                        assert found != found  # nan
    assert with_weights > 5
    assert not cosines


@pytest.mark.parametrize("name", ["s1", "nasbench201"])
def test_weights_have_the_same_owners_however_they_are_stored(name):
    stored = [model_of(name, edge) for edge in (SumOfOperations, SparseOperations)]
    tensors = dict(stored[0].module.pieces())
    for piece, tensor in stored[1].module.pieces():
        if piece in tensors:
            tensor.data.copy_(tensors[piece])
    before = [model.weights.clone() for model in stored]
    found = []
    for model in stored:
        operations = operations_of(model)
        cosines = operations.cosines(*gradients_of(model, name))
        found.append({n: c for n, c in zip(operations.names, cosines.tolist(), strict=True) if c == c})
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert all(torch.equal(*pair) for pair in zip(before, (model.weights for model in stored), strict=True))


def test_an_operation_is_frozen_by_the_mean_of_its_own_window():
    """Windows of 2, threshold 0.4: below at once; never; in the second window; at the threshold; seldom sampled."""
    freezing, memory = DivergingGradients(2, 0.4), {}
    history = [
        [0.1, 0.9, 0.9, 0.4, NAN],
        [0.6, 0.4, 0.9, 0.4, -1.0],
        [1.0, 0.5, -0.5, 0.4, NAN],
        [1.0, 0.4, 1.0, 0.4, 0],
    ]
    frozen, counts = [], []
    for row in history:
        memory = freezing.before_step(memory, lambda row=row: torch.tensor(row, dtype=torch.float64))
        frozen.append([int(value) for value in freezing.frozen(memory)])
        counts.append(memory["counts"].tolist())
    assert frozen == [[0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 1, 0, 1]]
    assert counts == [[1, 1, 1, 1, 0], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
    assert memory["sums"].tolist() == [0.0] * 5
    assert freezing.shown(memory) == {"frozen_operations": 3}


def test_without_freezing_nothing_is_measured_carried_or_shown():
    assert Trained().before_step({}, None) == {}
    assert Trained().frozen({}) is None
    assert Trained().shown({}) == {}


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_step_without_some_weights_is_torch_s_with_their_gradients_gone(nesterov):
    """The norm that is clipped is of the others alone."""
    training = Training(clip=0.5, nesterov=nesterov)
    weights = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gradients = torch.randn(3, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    parameters = [row.clone().requires_grad_() for row in weights]
    theirs = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=3e-4, nesterov=nesterov)
    ours, momentum = weights.flatten().clone(), torch.zeros(10, dtype=torch.float64)
    frozen = torch.arange(10) >= 5
    after_first = ours
    for number, gradient in enumerate(gradients):
        parameters[0].grad, parameters[1].grad = gradient[0].clone(), gradient[1].clone() if number == 0 else None
        torch.nn.utils.clip_grad_norm_([p for p in parameters if p.grad is not None], 0.5)
        theirs.step()
        if number:
            training.step_without(frozen, ours, momentum, gradient.flatten().clone(), 0.1)
        else:
            training.step(ours, momentum, gradient.flatten(), 0.1)
            after_first = ours.clone()
        torch.testing.assert_close(ours, torch.cat([p.detach() for p in parameters]))
    assert torch.equal(ours[5:], after_first[5:])
    assert not momentum[5:].any()


def search_of(space, **settings):
    schedule = settings.pop("schedule", "alternating")
    composition = replace(METHODS["oles"].composition, schedule=schedule)
    parts = resolve(composition, SPACES[space], user=small_settings("oles", space, **settings))
    return Search(parts, SPACES[space], ToyDataset(), 0, "cpu", Budget())


def test_frozen_operations_stay_to_the_bit_and_all_else_moves():
    search = search_of("nasbench201", epochs=1, oles_frequency=1, oles_threshold=0.2)
    state = search.advance(search.start())
    frozen, operations = state.freezing["frozen"].clone(), search.supernets.operations
    assert 0 < int(frozen.sum()) < int((operations.lengths[:-1] > 0).sum())
    still, weights, alpha = operations.weights_of(frozen), state.weights.clone(), state.alpha.clone()
    assert not state.momentum[still].any()
    state = search.advance(state)
    assert torch.equal(state.weights[still], weights[still])
    assert (state.freezing["frozen"] >= frozen).all()
    trained = ~operations.weights_of(state.freezing["frozen"])
    assert (state.weights[trained] != weights[trained]).float().mean() > 0.9
    assert not torch.equal(state.alpha, alpha)
    assert state.cost.forwards == state.cost.backwards == 2 * 3
    while not state.stopped_by:
        state = search.advance(state)
    assert state.records[-1]["frozen_operations"] == int(state.freezing["frozen"].sum())


def test_gradients_are_compared_at_the_weights_and_gates_of_the_step():
    """alpha moves first, on the same images as are then compared on."""
    search = search_of("nasbench201", epochs=1, oles_frequency=100)
    state, model = search.start(), search.supernets.scratch
    weights, images = state.weights.clone(), search.images
    state = search.advance(state)
    gates = search.supernets.gates(state.alpha, search.parts.clock(0), torch.Generator())
    model.weights.copy_(weights)
    model.module.train()
    found = []
    for batch in (images.train_batches(0).at(0), images.valid_batches(0).at(0)):
        model.run(batch, gates, torch.Generator(), of_weights=True)
        found.append(model.gradient.clone())
    cosines = search.supernets.operations.cosines(*found)
    torch.testing.assert_close(state.freezing["sums"], cosines.nan_to_num(0.0), rtol=1e-4, atol=1e-5)
    assert state.freezing["counts"].tolist() == (~cosines.isnan()).long().tolist()


def test_where_operations_are_dropped_the_others_keep_what_is_known_of_them():
    settings = {"epochs": 5, "prune_from": 20, "prune_every": 20, "oles_frequency": 2, "oles_threshold": 0.3}
    search = search_of("nasbench201", schedule="progressive", **settings)
    state = search.start()
    while state.epoch < 1:
        state = search.advance(state)
    before, model = dict(state.freezing), search.supernets.model
    names = operations_of(model).names
    state = search.advance(state)
    left = operations_of(search.supernets.model).names
    assert set(left) < set(names)
    carried = of_those_left(before, model, search.supernets.model)
    for name, values in carried.items():
        assert values.tolist() == [before[name][names.index(one)].item() for one in left]
    assert (state.freezing["frozen"] >= carried["frozen"]).all()
    assert before["frozen"].any()
    while not state.stopped_by:
        state = search.advance(state)
