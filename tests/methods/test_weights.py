"""Flat weights and SGD on them, against torch's own."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from toy import ToyPart, space_of

from methods.relaxations.relaxation import rows_of
from methods.relaxations.softmax import Softmax
from methods.schedules.clock import Clock
from methods.training.batches import Batches
from methods.training.weights import FlatModel, Training
from spaces import SPACES
from spaces.edges.sum import SumOfOperations


def supernet(name="s1", dtype=torch.float64):
    space = SPACES[name]
    torch.manual_seed(0)
    macro = dataclasses.replace(space.macro(), channels=2, cells=1 if name == "nasbench201" else 3)
    return space.supernet(macro, 4, SumOfOperations).to(dtype), space


@pytest.mark.parametrize("name", ["s1", "nasbench201"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_training_is_torch_sgd_with_clipping(name, nesterov):
    module, space = supernet(name)
    twin = copy.deepcopy(module)
    model = FlatModel(module, "cpu")
    training = Training(nesterov=nesterov, clip=0.5, lr=0.1)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9, weight_decay=3e-4, nesterov=nesterov)
    momentum = torch.zeros_like(model.weights)
    gates = torch.full((len(space.widths), max(space.widths)), 0.3, dtype=torch.float64)
    part = ToyPart(16, 0)
    for step in range(4):
        x, y = part.batch(torch.arange(4 * step, 4 * step + 4), None)
        model.gradient.zero_()
        F.cross_entropy(module(x.double(), gates), y).backward()
        training.step(model.weights, momentum, model.gradient, 0.1)
        optimizer.zero_grad()
        F.cross_entropy(twin(x.double(), gates), y).backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        optimizer.step()
    for ours, theirs in zip(module.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_binding_changes_nothing_and_copies_are_private():
    module, _ = supernet("nasbench201")
    twin = copy.deepcopy(module)
    model, other = FlatModel(module, "cpu"), FlatModel(copy.deepcopy(twin), "cpu")
    gates = torch.full((6, 5), 0.2, dtype=torch.float64)
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(module(x, gates), twin(x, gates), rtol=1e-12, atol=1e-12)
    before = model.weights.clone()
    other.copy_from(model)
    assert torch.equal(other.statistics, model.statistics)
    other.weights.mul_(2)
    assert torch.equal(model.weights, before)
    assert model.weights.numel() == sum(p.numel() for p in twin.parameters())


def test_learning_rate_is_a_cosine_per_epoch():
    training = Training()
    assert training.lr_at(0) == pytest.approx(0.025)
    assert training.lr_at(25) == pytest.approx(0.013)
    reference = torch.optim.SGD([torch.zeros(1)], lr=0.025)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(reference, 50, eta_min=0.001)
    for epoch in range(50):
        assert training.lr_at(epoch) == pytest.approx(schedule.get_last_lr()[0], rel=1e-9)
        reference.step()
        schedule.step()


def test_batches_take_every_image_once_a_pass_and_depend_on_seed_stream_and_step_only():
    class Recording:
        def __len__(self):
            return 21

        def batch(self, indices, augment):
            return indices, torch.rand(1, generator=augment)

    batches = Batches(Recording(), seed=0, stream="train", size=8)
    assert batches.per_pass == 3
    passes = [torch.cat([batches.at(3 * p + i)[0] for i in range(3)]) for p in range(2)]
    assert all(sorted(order.tolist()) == list(range(21)) for order in passes)
    assert not torch.equal(passes[0], passes[1])
    assert len(batches.at(2)[0]) == 5
    for step in (4, 0, 4):  # in any order, again and again
        again = Batches(Recording(), seed=0, stream="train", size=8).at(step)
        assert all(torch.equal(a, b) for a, b in zip(batches.at(step), again, strict=True))
    for other in (Batches(Recording(), 1, "train", 8), Batches(Recording(), 0, "valid", 8)):
        assert not torch.equal(batches.at(0)[0], other.at(0)[0])
        assert not torch.equal(batches.at(0)[1], other.at(0)[1])


def test_a_single_image_left_over_joins_the_last_batch():
    class Counting:
        def __init__(self, count):
            self.count = count

        def __len__(self):
            return self.count

        def batch(self, indices, augment):
            return indices, indices

    def sizes(count):
        batches = Batches(Counting(count), 0, "train", 8)
        return [len(batches.at(step)[0]) for step in range(batches.per_pass)]

    assert sizes(17) == [8, 9]
    assert sizes(18) == [8, 8, 2]
    assert sizes(16) == [8, 8]
    assert sizes(2) == [2]


def test_softmax_gates_of_ragged_edges():
    alpha = torch.tensor([0.0, 1.0, 2.0, 0.5, 0.5], dtype=torch.float64, requires_grad=True)
    gates = Softmax().gates(alpha, space_of((3, 2)), Clock(0, 1, 0), torch.Generator())
    torch.testing.assert_close(gates[0], alpha[:3].softmax(0))
    assert gates[1].tolist() == [0.5, 0.5, 0.0]
    (gradient,) = torch.autograd.grad((gates * torch.arange(6.0).view(2, 3)).sum(), alpha)
    assert gradient.isfinite().all()
    assert torch.equal(rows_of(alpha.detach()[:4], (2, 2)), alpha.detach()[:4].view(2, 2))


class WeightGradients(TorchDispatchMode):
    """Counts the convolutions whose weight's gradient is computed."""

    count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation is torch.ops.aten.convolution_backward.default:
            self.count += args[-1][1]
        return operation(*args, **(kwargs or {}))


def test_a_pass_computes_the_gradients_that_are_asked_for():
    module, space = supernet("s1", torch.float32)
    model = FlatModel(module.to(memory_format=torch.channels_last), "cpu")
    gates = torch.full((len(space.widths), max(space.widths)), 0.3)
    batch = ToyPart(4, 0).batch(torch.arange(4), None)
    model.gradient.fill_(7)
    with WeightGradients() as counted:
        of_gates = model.run(batch, gates, None, of_gates=True).of_gates
    assert counted.count == 0
    assert bool((model.gradient == 7).all())
    with WeightGradients() as counted:
        both = model.run(batch, gates, None, of_weights=True, of_gates=True).of_gates
    assert counted.count > 0
    assert not bool((model.gradient == 7).any())
    assert torch.equal(both, of_gates)
    assert model.run(batch, gates, None).of_gates is None
    assert all(parameter.requires_grad for parameter in model.parameters)


def test_the_learning_rate_falls_once_rises_again_or_restarts():
    plain = Training(epochs=70, lr=1.0, lr_min=0.0)
    again, anew = dataclasses.replace(plain, lr_cycle=10), dataclasses.replace(plain, lr_cycle=10, lr_again="restarts")
    assert [plain.lr_at(epoch) for epoch in (0, 35, 70)] == pytest.approx([1, 0.5, 0])
    assert [again.lr_at(epoch) for epoch in (0, 5, 10, 15, 20, 30)] == pytest.approx([1, 0.5, 0, 0.5, 1, 0])
    halfway = [anew.lr_at(epoch) for epoch in (0, 5, 10, 20, 30, 50)]  # cycles of 10, 20 and 40 epochs
    assert halfway == pytest.approx([1, 0.5, 1, 0.5, 1, 0.5])
    assert anew.lr_at(29) == pytest.approx(plain.lr_at(0) * (1 + math.cos(math.pi * 19 / 20)) / 2)
