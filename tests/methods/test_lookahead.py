"""Oracles on a small supernet in float64: unrolling against double backward, fine-tuning against torch's own SGD."""

from __future__ import annotations

import copy
import dataclasses
import threading

import pytest
import torch
import torch.nn.functional as F
from toy import ToyPart

from harness.core.memory import available_memory
from harness.core.rng import generator
from harness.core.types import Cost
from methods.lookaheads.amended import Amended
from methods.lookaheads.averaged import Averaged, sample
from methods.lookaheads.fine_tuned import FineTuned
from methods.lookaheads.first_order import FirstOrder
from methods.lookaheads.lookahead import UpdateContext
from methods.lookaheads.unrolled import Unrolled
from methods.relaxations.gumbel import Gumbel
from methods.relaxations.softmax import Softmax
from methods.schedules.clock import Clock
from methods.training import parallel
from methods.training.batches import Batches
from methods.training.parallel import in_parallel, kept_for_backward
from methods.training.weights import FlatModel, Training
from spaces import SPACES
from spaces.edges.sum import SumOfOperations

LR = 0.05


class DoublePart(ToyPart):
    def batch(self, indices, augment):
        x, y = super().batch(indices, augment)
        return x.double(), y


def fine_tuned(steps=3, **settings):
    return FineTuned(finetune_steps=steps, finetune_batch=8, **settings)


def make_bench(name="s2", seed=0):
    space = SPACES[name]
    torch.manual_seed(seed)
    macro = dataclasses.replace(space.macro(), channels=2, cells=1 if name == "nasbench201" else 3)
    module = space.supernet(macro, 4, SumOfOperations).double().train()
    model, scratch = FlatModel(module, "cpu"), FlatModel(copy.deepcopy(module), "cpu")
    train, valid = (DoublePart(8, seed).batch(torch.arange(8), None) for seed in (1, 2))
    momentum = 0.01 * torch.randn(model.weights.shape, dtype=torch.float64)
    context = UpdateContext(
        model,
        scratch,
        momentum,
        lambda alpha, name: Softmax().gates(alpha, space, Clock(0, 1, 0), torch.Generator()),
        Training(),
        LR,
        train,
        valid,
        lambda stream, size: Batches(DoublePart(64, 3), 0, stream, size),
        2,
        lambda name: torch.Generator(),
        Cost(),
    )
    alpha = 0.3 * torch.randn(space.dimension, dtype=torch.float64)
    return context, alpha, space


def snapshot(context):
    return [t.clone() for t in (context.model.weights, context.model.statistics, context.momentum)]


def unchanged(context, kept):
    return all(torch.equal(a, b) for a, b in zip(kept, snapshot(context), strict=True))


def functional_loss(context, weights, alpha, batch):
    """The loss as a differentiable function of a flat weight vector and alpha."""
    names = [name for name, _ in context.model.module.named_parameters()]
    twin = copy.deepcopy(context.model.module)
    pieces = weights.split([p.numel() for p in context.model.parameters])
    shaped = [
        piece.view(p.shape[0], *p.shape[2:], p.shape[1]).permute(0, 3, 1, 2) if p.dim() == 4 else piece.view(p.shape)
        for piece, p in zip(pieces, context.model.parameters, strict=True)
    ]
    logits = torch.func.functional_call(
        twin, dict(zip(names, shaped, strict=True)), (batch[0], context.gates(alpha, ""))
    )
    return F.cross_entropy(logits, batch[1])


@pytest.mark.parametrize("name", ["s2", "nasbench201"])
def test_unrolled_gradient_equals_double_backward(name):
    context, alpha, _ = make_bench(name)
    weights, a = context.model.weights.clone().requires_grad_(), alpha.clone().requires_grad_()
    train_loss = functional_loss(context, weights, a, context.train)
    (gradient,) = torch.autograd.grad(train_loss, weights, create_graph=True)
    unrolled = weights - LR * (0.9 * context.momentum + gradient + 3e-4 * weights)
    (exact,) = torch.autograd.grad(functional_loss(context, unrolled, a, context.valid), a)
    first_order = FirstOrder().oracle(context).gradient(alpha)
    # The published 0.01 crosses kinks of the ReLUs of so small a net; the rule itself is what is tested here.
    ours = Unrolled(difference=1e-6).oracle(context).gradient(alpha)
    assert (ours - exact).norm() < 1e-8 * exact.norm()
    assert (first_order - exact).norm() > 1e-2 * exact.norm()  # the test would notice plain first order


def test_unrolled_leaves_weights_and_momentum_as_they_were():
    context, alpha, _ = make_bench()
    weights, _, momentum = snapshot(context)
    Unrolled().oracle(context).gradient(alpha)
    assert torch.equal(context.model.weights, weights)
    assert torch.equal(context.momentum, momentum)
    kept = snapshot(context)
    losses = Unrolled().oracle(context).losses(torch.stack([alpha, 2 * alpha]))
    assert unchanged(context, kept)
    assert losses[0] != losses[1]


@pytest.mark.parametrize("name", ["s2", "nasbench201"])
def test_the_amended_gradient_equals_explicit_hessian_products(name):
    context, alpha, _ = make_bench(name)
    weights, a = context.model.weights.clone().requires_grad_(), alpha.clone().requires_grad_()
    direct, v = torch.autograd.grad(functional_loss(context, weights, a, context.valid), (a, weights))
    (gradient,) = torch.autograd.grad(functional_loss(context, weights, a, context.train), weights, create_graph=True)
    (u,) = torch.autograd.grad(gradient, weights, v, retain_graph=True)
    (c,) = torch.autograd.grad(gradient, a, u)
    kept = snapshot(context)
    ours = Amended(eta=0.3, difference=1e-6).oracle(context).gradient(alpha)
    assert (ours - (direct - 0.3 * c)).norm() < 1e-7 * c.norm()
    assert c.norm() > 1e-2 * direct.norm()  # the test would notice plain first order
    assert torch.equal(context.model.weights, kept[0])
    assert torch.equal(context.momentum, kept[2])
    assert (context.cost.forwards, context.cost.backwards, context.cost.images) == (5, 5, 40)


def test_without_an_amendment_the_gradient_and_all_that_moves_are_the_first_order_s():
    amended, plain = (make_bench()[0] for _ in range(2))
    _, alpha, _ = make_bench()
    ours = Amended(eta=0.0).oracle(amended).gradient(alpha)
    assert torch.equal(ours, FirstOrder().oracle(plain).gradient(alpha))
    assert unchanged(amended, snapshot(plain))  # running statistics, too
    losses = (lookahead.oracle(amended).losses(alpha[None]) for lookahead in (Amended(), FirstOrder()))
    assert torch.equal(*losses)


def test_nothing_is_amended_where_the_validation_loss_has_no_slope():
    """Every label is class 0, of which the network is certain to the last bit."""
    context, alpha, _ = make_bench()
    context = dataclasses.replace(context, valid=(context.valid[0], torch.zeros_like(context.valid[1])))
    for model in (context.model, context.scratch):
        model.module.classifier.bias.data[0] = 1e4
    assert Amended().oracle(context).gradient(alpha).tolist() == [0.0] * len(alpha)


def test_an_averaged_oracle_says_the_mean_over_samples_that_candidates_share():
    context, alpha, space = make_bench()

    def gates(alpha, name):
        return Gumbel().gates(alpha, space, Clock(0, 1, 0), generator(0, name))

    context = dataclasses.replace(context, gates=gates)
    own = [FirstOrder().oracle(sample(context, i)) for i in range(3)]
    gradients, losses = zip(*[(oracle.gradient(alpha), oracle.losses(alpha[None])) for oracle in own], strict=True)
    assert len({float(loss) for loss in losses}) == 3
    before = dataclasses.replace(context.cost)
    oracle = Averaged(3).oracle(context)
    torch.testing.assert_close(oracle.gradient(alpha), sum(gradients) / 3)
    torch.testing.assert_close(oracle.losses(alpha.expand(2, -1)), (sum(losses) / 3).expand(2))
    assert context.cost.forwards - before.forwards == 3 * (1 + 2)
    assert context.cost.backwards - before.backwards == 3


def reference_candidate_loss(context, alpha, steps, lr=LR, momentum=True):
    """A deep copy, torch.optim.SGD with the supernet's momentum, clip_grad_norm_."""
    twin = copy.deepcopy(context.model.module)
    optimizer = torch.optim.SGD(twin.parameters(), lr=lr, momentum=0.9, weight_decay=3e-4)
    buffers = context.momentum.split([p.numel() for p in twin.parameters()])
    for p, flat in zip(twin.parameters(), buffers, strict=True):
        shaped = (
            flat.view(p.shape[0], *p.shape[2:], p.shape[1]).permute(0, 3, 1, 2) if p.dim() == 4 else flat.view(p.shape)
        )
        if momentum:
            optimizer.state[p]["momentum_buffer"] = shaped.clone()
    gates = context.gates(alpha, "")
    for i in range(steps):
        x, y = context.batches("finetune", 8).at(context.update * steps + i)
        optimizer.zero_grad()
        F.cross_entropy(twin(x, gates), y).backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 5.0)
        optimizer.step()
    with torch.no_grad():
        return F.cross_entropy(twin(context.valid[0], gates), context.valid[1])


@pytest.mark.parametrize("name", ["s2", "nasbench201"])
def test_fine_tuned_losses_equal_a_plain_loop_and_leave_the_supernet_alone(name):
    context, alpha, _ = make_bench(name)
    candidates = torch.stack([alpha, 2 * alpha, -alpha])
    expected = torch.stack([reference_candidate_loss(context, c, steps=3) for c in candidates])
    kept = snapshot(context)
    losses = fine_tuned(3).oracle(context).losses(candidates)
    torch.testing.assert_close(losses, expected, rtol=1e-9, atol=0)
    assert unchanged(context, kept)
    assert not torch.equal(context.scratch.weights, context.model.weights)  # the copy did train
    assert context.cost.finetune_steps == 9
    assert context.cost.forwards == 3 * 4
    assert context.cost.backwards == 9
    assert context.cost.images == 3 * 4 * 8


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({"finetune_momentum": "fresh"}, {"momentum": False}),
        ({"finetune_lr": 0.01}, {"lr": 0.01}),
    ],
)
def test_fine_tuning_choices(settings, reference):
    context, alpha, _ = make_bench()
    losses = fine_tuned(2, **settings).oracle(context).losses(alpha[None])
    expected = reference_candidate_loss(context, alpha, steps=2, **reference)
    torch.testing.assert_close(losses[0], expected, rtol=1e-9, atol=0)
    assert losses[0] != fine_tuned(2).oracle(context).losses(alpha[None])[0]


def test_no_fine_tuning_is_the_first_order_loss():
    context, alpha, _ = make_bench()
    first_order = FirstOrder().oracle(context).losses(alpha[None])
    assert torch.equal(fine_tuned(0).oracle(context).losses(alpha[None]), first_order)
    assert torch.equal(fine_tuned(finetune="released").oracle(context).losses(alpha[None]), first_order)
    assert not torch.equal(fine_tuned(1).oracle(context).losses(alpha[None]), first_order)


def test_the_proposal_gradient_of_zarts_is_first_order_and_leaves_the_statistics_alone():
    context, alpha, _ = make_bench()
    kept = snapshot(context)
    gradient = fine_tuned().oracle(context).gradient(alpha)
    assert unchanged(context, kept)
    assert torch.equal(gradient, FirstOrder().oracle(context).gradient(alpha))
    assert not unchanged(context, kept)  # DARTS runs on the supernet itself, whose running statistics move
    assert torch.equal(context.model.weights, kept[0])


def test_first_order_gradient_equals_a_finite_difference():
    context, alpha, _ = make_bench()
    oracle = FirstOrder().oracle(context)
    gradient = oracle.gradient(alpha)
    direction = torch.randn(alpha.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    plus, minus = oracle.losses(torch.stack([alpha + 1e-6 * direction, alpha - 1e-6 * direction]))
    assert float((plus - minus) / 2e-6) == pytest.approx(float(gradient @ direction), rel=1e-5)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["s2", "s4"])
def test_the_number_of_workers_changes_no_bit(name, two_threads, monkeypatch):
    outcomes = []
    for available in (0.0, 1e15):
        monkeypatch.setattr(parallel, "available_memory", lambda left=available: left)
        context, alpha, _ = make_bench(name)
        kept = snapshot(context)
        candidates = torch.stack([alpha, 2 * alpha, -alpha])
        losses = fine_tuned(3).oracle(context).losses(candidates)
        assert (context.scratch.copies_that_fit > 1) == (available > 0)
        assert torch.get_num_threads() == 2
        assert unchanged(context, kept)
        outcomes.append((losses, context.cost))
    (one, first_cost), (many, second_cost) = outcomes
    assert torch.equal(one, many)
    assert first_cost == second_cost
    assert len(set(one.tolist())) == 3


def test_candidates_work_at_the_same_time_and_come_in_order(two_threads, monkeypatch):
    monkeypatch.setattr(parallel, "available_memory", lambda: float("inf"))
    context, _, _ = make_bench()
    both = threading.Barrier(2, timeout=60)

    def score(model, alpha):
        both.wait()
        assert torch.get_num_threads() == 1
        return int(alpha), model

    scored = in_parallel(score, context.scratch, torch.arange(4), lambda: 1)
    assert [number for number, _ in scored] == [0, 1, 2, 3]
    assert len({id(model) for _, model in scored}) == 2
    assert torch.get_num_threads() == 2


def test_a_failing_candidate_fails_the_update(two_threads):
    context, _, _ = make_bench()

    def score(model, alpha):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        in_parallel(score, context.scratch, torch.arange(2), lambda: 1)
    assert torch.get_num_threads() == 2


def test_what_a_backward_needs_is_counted_once():
    x = torch.ones(1000, requires_grad=True)
    y = torch.ones(1000)
    assert kept_for_backward(lambda: (x * y * y).sum()) == 4000  # y alone, which both products keep
    assert available_memory() > 1 << 20


@pytest.mark.parametrize("lookahead", [FirstOrder(), Unrolled(), Amended(), fine_tuned(1)])
def test_every_oracle_adds_the_value_and_the_gradient_once(lookahead):
    """The second order's too: the term is not in the loss that the weights descend."""
    context, alpha, _ = make_bench()
    weight = 5.0
    more = dataclasses.replace(context, objective=lambda loss, alpha, gates: loss + weight * gates.square().sum())

    def found(context):
        oracle = lookahead.oracle(context)
        return oracle.losses(alpha[None]), oracle.gradient(alpha)

    (loss, gradient), (more_loss, more_gradient) = found(context), found(more)
    at = alpha.clone().requires_grad_()
    term = weight * context.gates(at, "valid").square().sum()
    torch.testing.assert_close(more_loss - loss, term.detach()[None])
    torch.testing.assert_close(more_gradient - gradient, torch.autograd.grad(term, at)[0])


@pytest.mark.parametrize("lookahead", [FirstOrder(), Unrolled(), Amended(), fine_tuned(1)])
def test_every_oracle_knows_the_product_of_a_loss_and_a_cost(lookahead):
    """Value and gradient: the answer of the weights is multiplied as the loss is, and the loss multiplies the cost."""
    context, alpha, _ = make_bench()

    def cost(gates):
        return 2 + gates.square().sum()

    priced = dataclasses.replace(context, objective=lambda loss, alpha, gates: loss * cost(gates))

    def found(context):
        oracle = lookahead.oracle(context)
        return oracle.losses(alpha[None])[0], oracle.gradient(alpha)

    (loss, gradient), (product, of_product) = found(context), found(priced)
    at = alpha.clone().requires_grad_()
    factor = cost(context.gates(at, "valid"))
    torch.testing.assert_close(product, loss * factor.detach())
    unweighted = loss if isinstance(lookahead, FirstOrder | Unrolled | Amended) else found_at(context, alpha)
    expected = gradient * factor.detach() + unweighted * torch.autograd.grad(factor, at)[0]
    torch.testing.assert_close(of_product, expected, rtol=1e-6, atol=1e-9)


def found_at(context, alpha):
    """The loss at the weights as they are, where the gradient of candidates that are fine-tuned is taken."""
    return FirstOrder().oracle(context).losses(alpha[None])[0]
