"""The final networks against the plain ones: values, gradients, statistics, whole trainings."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from counting import dispatched
from plain_networks import copied, plain_network

from harness.core.genotype import from_nb201, parse
from methods.training.parallel import kept_for_backward
from methods.training.weights import FlatModel, Training
from spaces.drop_path import path_factors
from spaces.folding import folded
from spaces.published import PUBLISHED
from spaces.relations import space_of

CLASSES, RATE = 4, 0.5  # 1 / (1 - rate) is exact in every type


def cells_of(normal, reduce):
    return parse(f"Genotype(normal={normal}, normal_concat=range(2, 6), reduce={reduce}, reduce_concat=[2, 4, 5])")


NORMAL = [("sep_conv_5x5", 0), ("dil_conv_5x5", 1), ("avg_pool_3x3", 0), ("dil_conv_3x3", 2)] * 2
REDUCE = [
    *(("dil_conv_3x3", 0), ("sep_conv_5x5", 1), ("avg_pool_3x3", 1), ("dil_conv_5x5", 0)),
    *(("skip_connect", 2), ("skip_connect", 1), ("max_pool_3x3", 1), ("sep_conv_3x3", 3)),
]
NB201 = from_nb201("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|")
CELLS = {"DARTS_V2": PUBLISHED["DARTS_V2"].genotype, "wide": cells_of(NORMAL, REDUCE), "nasbench201": NB201}
SIZES = {"DARTS_V2": (4, 4), "wide": (6, 3), "nasbench201": (4, 1)}


def pair(name, dtype=torch.float64):
    torch.manual_seed(0)
    genotype, size = CELLS[name], SIZES[name]
    auxiliary = genotype.family == "darts"
    network = space_of(genotype).network(genotype, *size, CLASSES, auxiliary=auxiliary).to(dtype)
    plain = copied(network, plain_network(genotype, *size, CLASSES, auxiliary).to(dtype))
    return network, plain


def batch(dtype=torch.float64, count=6, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 32, 32, generator=draw).to(dtype), torch.randint(CLASSES, (count,), generator=draw)


def masks(plain, x, seed):
    """What drop-path multiplies the plain network's edges with, times `keep`."""
    count = sum(len(cell.ops) for cell in plain.modules() if hasattr(cell, "ops"))
    factors = path_factors(count, x, RATE, torch.Generator().manual_seed(seed))
    assert 0 < (factors > 0).float().mean() < 1
    return (factors > 0).to(x.dtype)


def loss_of(out, y):
    logits, auxiliary = out if isinstance(out, tuple) else (out, None)
    return F.cross_entropy(logits, y) + (0 if auxiliary is None else 0.4 * F.cross_entropy(auxiliary, y))


def drop(plain, x, seed):
    return 1 - RATE, masks(plain, x, seed)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["first", "last"])
@pytest.mark.parametrize(
    ("dtype", "near"), [(torch.float64, {"rtol": 1e-9, "atol": 1e-9}), (torch.float32, {"rtol": 2e-3, "atol": 1e-3})]
)
@pytest.mark.parametrize("name", CELLS)
def test_values_gradients_and_statistics(name, dtype, near, layout):
    network, plain = pair(name, dtype)
    x, y = batch(dtype)
    x = x.contiguous(memory_format=layout)
    out, expected = network(x, RATE, torch.Generator().manual_seed(3)), plain(x, *drop(plain, x, 3))
    for ours, theirs in zip(*(o if isinstance(o, tuple) else (o,) for o in (out, expected)), strict=True):
        torch.testing.assert_close(ours, theirs, **near)
    for o in (out, expected):
        loss_of(o, y).backward()
    for (label, ours), theirs in zip(network.named_parameters(), plain.parameters(), strict=True):
        scale = theirs.grad.abs().max().clamp(min=1)
        torch.testing.assert_close(ours.grad / scale, theirs.grad / scale, **near, msg=label)
    for ours, theirs in zip(network.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, **near)


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("made", [lambda network: network, folded], ids=["as it is", "folded"])
@pytest.mark.parametrize("name", CELLS)
def test_values_in_evaluation(name, made, gradients):
    network, plain = pair(name)
    for model in (network, plain):  # statistics that are not the initial ones
        loss_of(model(batch(seed=2)[0]), batch(seed=2)[1]).backward()
        torch.optim.SGD(model.parameters(), 0.1).step()
        model.eval()
    with torch.set_grad_enabled(gradients):
        out, expected = (model(batch()[0]) for model in (made(network), plain))
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CELLS)
def test_a_training(name):
    network, plain = pair(name)
    model, training = FlatModel(network, "cpu"), Training()
    momentum = torch.zeros_like(model.weights)
    optimiser = torch.optim.SGD(plain.parameters(), 0.025, 0.9, weight_decay=training.weight_decay)
    for step in range(4):
        x, y = batch(seed=step)
        model.differentiate(loss_of(model(x, RATE, torch.Generator().manual_seed(step)), y))
        training.step(model.weights, momentum, model.gradient, 0.025)
        optimiser.zero_grad()
        loss_of(plain(x, *drop(plain, x, step)), y).backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), training.clip)
        optimiser.step()
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)


def test_a_training_step_stays_cheap():
    """DARTS_V2 at 16 channels and 8 cells. The plain network dispatches 3,900 operations, with SGD and clipping by
    tensor."""
    torch.manual_seed(0)
    genotype = CELLS["DARTS_V2"]
    network = space_of(genotype).network(genotype, 16, 8, CLASSES, auxiliary=True)
    plain = copied(network, plain_network(genotype, 16, 8, CLASSES, True))
    model, (x, y) = FlatModel(network, "cpu"), batch(torch.float32, 2)
    momentum = torch.zeros_like(model.weights)

    def loss():
        return loss_of(model(x, RATE, torch.Generator()), y)

    def step():
        model.differentiate(loss())
        Training().step(model.weights, momentum, model.gradient, 0.025)

    assert dispatched(step) <= 2_750
    weights = 4 * len(model.weights)
    theirs = kept_for_backward(lambda: loss_of(plain(x, *drop(plain, x, 0)), y)) - weights
    assert kept_for_backward(loss) - weights <= 0.87 * theirs
