"""The final networks: shapes, drop-path, auxiliary heads, and randomness from the generator alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype, parse
from spaces.darts.network import DartsNetwork
from spaces.nasbench201.network import NasBench201Network
from spaces.operations import Noise, ResidualBlock, State
from spaces.published import PUBLISHED

NB201 = parse("|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|")
DARTS_V2 = PUBLISHED["DARTS_V2"].genotype


def uniform_cell(*operations: str) -> Genotype:
    """A DARTS genotype whose nodes all apply these two operations to the cell's inputs."""
    edges = [(operation, source) for source, operation in enumerate(operations)] * 4
    return parse(f"Genotype(normal={edges}, normal_concat=range(2, 6), reduce={edges}, reduce_concat=range(2, 6))")


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


def images(batch: int = 2, size: int = 16) -> Tensor:
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("stem", "size", "classes", "cells"), [("cifar", 32, 10, 20), ("imagenet", 224, 1000, 14)])
def test_published_sizes_give_logits_and_auxiliary_logits(stem: str, size: int, classes: int, cells: int) -> None:
    with torch.device("meta"):
        network = DartsNetwork(DARTS_V2, 16, cells, classes, stem, auxiliary=True)
        x = torch.empty(2, 3, size, size)
    logits, auxiliary = network(x)
    assert logits.shape == auxiliary.shape == (2, classes)
    assert network.eval()(x).shape == (2, classes)


def test_reduction_cells_halve_the_map_and_double_the_channels() -> None:
    network = seeded(lambda: DartsNetwork(DARTS_V2, 4, 8, 10))
    shapes: list[torch.Size] = []
    for cell in network.cells:
        cell.register_forward_hook(lambda module, args, out: shapes.append(out.x.shape))
    network(images(size=32))
    assert [shape[1] for shape in shapes] == [16, 16, 32, 32, 32, 64, 64, 64]
    assert [shape[2] for shape in shapes] == [32, 32, 16, 16, 16, 8, 8, 8]


def test_without_an_auxiliary_head_training_gives_logits_only() -> None:
    assert seeded(lambda: DartsNetwork(DARTS_V2, 4, 3, 10))(images()).shape == (2, 10)


def test_the_auxiliary_head_refuses_a_map_it_was_not_made_for() -> None:
    network = seeded(lambda: DartsNetwork(DARTS_V2, 4, 3, 10, auxiliary=True))
    with pytest.raises(HarnessError, match="8x8 and got 4x4"):
        network(images(size=16))
    assert network.eval()(images(size=16)).shape == (2, 10)


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(HarnessError, match="unknown operation 'sep_conv_7x7'; did you mean 'sep_conv"):
        DartsNetwork(uniform_cell("sep_conv_7x7", "skip_connect"), 4, 3, 10)


def test_final_pools_have_no_batch_norm() -> None:
    pools = seeded(lambda: DartsNetwork(uniform_cell("max_pool_3x3", "avg_pool_3x3"), 4, 3, 10))
    assert all(isinstance(op, nn.MaxPool2d | nn.AvgPool2d) for cell in pools.cells for op in cell.operations)


def test_every_batch_norm_is_affine_and_convolutions_have_no_bias() -> None:
    for network in (DartsNetwork(DARTS_V2, 4, 3, 10, auxiliary=True), NasBench201Network(NB201, 4, 1)):
        assert all(m.affine for m in network.modules() if isinstance(m, nn.BatchNorm2d))
        assert all(m.bias is None for m in network.modules() if isinstance(m, nn.Conv2d))


def test_nasbench201_cell_computes_its_graph() -> None:
    network = seeded(lambda: NasBench201Network(NB201, 4, 1)).eval()
    cell, x = network.body[0], torch.randn(2, 4, 8, 8, generator=generator(1))
    op = cell.operations
    first = op[0](x)
    second = op[2](first)
    assert torch.equal(cell((State(x),), None, None).x, x + op[4](first) + second)


@pytest.mark.parametrize("size", [16, 32])
def test_nasbench201_network_has_three_stages(size: int) -> None:
    network = seeded(lambda: NasBench201Network(NB201, 4, 2, 120))
    assert sum(isinstance(layer, ResidualBlock) for layer in network.body) == 2
    assert network.classifier.in_features == 16
    assert network(images(size=size)).shape == (2, 120)


@pytest.mark.parametrize("build", [lambda: DartsNetwork(DARTS_V2, 4, 3, 10), lambda: NasBench201Network(NB201, 4, 1)])
def test_a_forward_with_drop_path_is_a_function_of_the_generator(build: Callable[[], nn.Module]) -> None:
    network, x = seeded(build), images()
    state = torch.random.get_rng_state()
    first, again, other = (network(x, 0.5, generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_drop_path_needs_a_generator_and_does_nothing_in_evaluation() -> None:
    network, x = seeded(lambda: DartsNetwork(DARTS_V2, 4, 3, 10)), images()
    with pytest.raises(ValueError, match="needs a generator"):
        network(x, 0.5)
    network.eval()
    assert torch.equal(network(x, 0.9, generator(3)), network(x))


def test_drop_path_keeps_identities() -> None:
    cell = seeded(lambda: DartsNetwork(uniform_cell("skip_connect", "max_pool_3x3"), 4, 3, 10)).cells[0].eval()
    x, y = (torch.randn(2, 12, 8, 8, generator=generator(seed)) for seed in (1, 2))
    zero = [torch.zeros(2, 1, 1, 1)] * len(cell.operations)
    assert torch.equal(cell((State(x), State(y)), None, zero).x, cell.preprocess[0](x).repeat(1, 4, 1, 1))


def test_drop_path_drops_factorized_reductions() -> None:
    cell = seeded(lambda: DartsNetwork(uniform_cell("skip_connect", "skip_connect"), 4, 3, 10)).cells[1].eval()
    x = torch.randn(2, 16, 8, 8, generator=generator(1))
    zero = [torch.zeros(2, 1, 1, 1)] * len(cell.operations)
    older = torch.randn(2, cell.preprocess[0][0].in_channels, 8, 8, generator=generator(2))
    assert not cell((State(older), State(x)), None, zero).x.any()


def test_drop_path_is_per_sample_and_unbiased() -> None:
    network = seeded(lambda: DartsNetwork(uniform_cell("max_pool_3x3", "avg_pool_3x3"), 2, 3, 10))
    seen: list[Tensor] = []
    network.cells[0].register_forward_pre_hook(lambda module, args: seen.append(torch.stack(list(args[2]))))
    network(images(batch=1024, size=4), 0.2, generator(5))
    factors = seen[0].flatten(1)
    assert factors.shape == (8, 1024)
    assert set(factors.unique().tolist()) == {0.0, 1.25}
    assert factors.mean().item() == pytest.approx(1, abs=0.02)
    assert (factors[0] != factors[1]).any()


def test_noise_is_drawn_at_test_time_too_from_the_generator() -> None:
    network = seeded(lambda: DartsNetwork(uniform_cell("noise", "sep_conv_3x3"), 4, 3, 10)).eval()
    first, again, other = (network(images(), draw=generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_noise_has_the_state_s_device_and_strided_shape() -> None:
    assert Noise(2)(torch.empty(2, 3, 8, 8, device="meta"), generator(1)).shape == (2, 3, 4, 4)
    assert Noise(2)(torch.empty(2, 3, 8, 8, device="meta"), generator(1)).device.type == "meta"
