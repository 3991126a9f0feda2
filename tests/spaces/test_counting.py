"""Anchors: the parameters and multiply-accumulates of published genotypes, as exact integers."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import astuple

import pytest
import torch
from torch import nn

from harness.core.genotype import parse
from spaces.counting import Count, OperationCount, count, count_operation, counting, parameters
from spaces.darts.network import DartsNetwork
from spaces.nasbench201.network import NasBench201Network
from spaces.operations import OPERATIONS
from spaces.published import PUBLISHED

CIFAR = {
    "DARTS_V1": (3_169_414, 671_034, 232_890, 501.0),
    "DARTS_V2": (3_349_342, 710_682, 246_106, 528.4),
    "PDARTS": (3_433_798, 737_338, 292_026, 532.2),
    "PC_DARTS_cifar": (3_634_678, 788_218, 335_738, 556.7),
    "PC_DARTS_image": (3_721_510, 799_290, 327_546, 570.5),
    "GDAS_V1": (3_368_782, 744_282, 330_330, 519.4),
}
"""Parameters at 20 cells x 36 channels, 20 x 16 and 8 x 16; millions of MACs at 20 x 36."""

IMAGENET = {
    "DARTS_V1": (48, 4_510_432, 505.9, 519_148_800),
    "DARTS_V2": (48, 4_718_752, 529.9, 543_985_920),
    "PDARTS": (48, 4_944_352, 542.8, 557_119_488),
    "PC_DARTS_cifar": (48, 5_270_560, 571.1, 585_945_600),
    "PC_DARTS_image": (48, 5_342_464, 581.6, 597_056_448),
    "GDAS_V1": (50, 5_345_075, 581.0, 595_052_400),
}
"""Channels; parameters, millions of MACs, and MACs with batch norm and ReLU, at 14 cells and 224 pixels."""

PRINTED = {"PDARTS": 557, "PC_DARTS_cifar": 586, "PC_DARTS_image": 597}
"""The millions of "FLOPs" in those papers' ImageNet tables."""


def darts(
    name: str, channels: int, cells: int, classes: int = 10, stem: str = "cifar", auxiliary: bool = False
) -> DartsNetwork:
    with torch.device("meta"):
        return DartsNetwork(PUBLISHED[name].genotype, channels, cells, classes, stem, auxiliary)


def nasbench201(operation: str) -> NasBench201Network:
    o = operation
    return NasBench201Network(parse(f"|{o}~0|+|{o}~0|{o}~1|+|{o}~0|{o}~1|{o}~2|"))


def millions(value: int) -> float:
    return round(value / 1e6, 1)


@pytest.mark.parametrize("name", CIFAR)
def test_cifar_anchors(name: str) -> None:
    large, narrow, small, macs = CIFAR[name]
    found = count(darts(name, 36, 20), 32)
    assert (found.parameters, millions(found.macs)) == (large, macs)
    assert parameters(darts(name, 16, 20)) == narrow
    assert parameters(darts(name, 16, 8)) == small


@pytest.mark.parametrize("name", IMAGENET)
def test_imagenet_anchors(name: str) -> None:
    channels, size, macs, with_rest = IMAGENET[name]
    found = count(darts(name, channels, 14, 1000, "imagenet"), 224)
    assert (found.parameters, millions(found.macs), found.macs_with_norm_and_relu) == (size, macs, with_rest)
    assert round(with_rest / 1e6) == PRINTED.get(name, round(with_rest / 1e6))


def test_more_classes_cost_the_wider_classifier() -> None:
    assert parameters(darts("DARTS_V2", 36, 20, 100)) - parameters(darts("DARTS_V2", 36, 20, 10)) == 51_930


@pytest.mark.parametrize(
    ("channels", "cells", "classes", "stem", "size"),
    [(36, 20, 10, "cifar", 476_426), (48, 14, 1000, "imagenet", 1_260_776)],
)
def test_the_auxiliary_head_is_not_counted(channels: int, cells: int, classes: int, stem: str, size: int) -> None:
    network = darts("DARTS_V2", channels, cells, classes, stem, auxiliary=True)
    assert sum(p.numel() for p in network.parameters()) - parameters(network) == size
    image_size = 32 if stem == "cifar" else 224
    assert count(network, image_size) == count(darts("DARTS_V2", channels, cells, classes, stem), image_size)


@pytest.mark.parametrize(
    ("operation", "size", "macs"), [("skip_connect", 73_306, 7_783_040), ("nor_conv_3x3", 1_531_546, 220_119_680)]
)
def test_nasbench201_anchors(operation: str, size: int, macs: int) -> None:
    assert astuple(count(nasbench201(operation), 32))[:2] == (size, macs)


class OneOperation(nn.Module):
    """An operation of 8 channels behind a 1x1 convolution from RGB, to count by hand."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.lift = nn.Conv2d(3, 8, 1)
        self.operation = OPERATIONS[name](8, 2, True)

    def forward(self, x: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        return self.operation(self.lift(x))


def test_grouped_strided_and_dilated_convolutions_by_hand() -> None:
    pixels, halved = 16 * 16, 8 * 8
    lift = 3 * 8 * pixels
    dilated = halved * (8 * 9 + 8 * 8)
    found = count(OneOperation("dil_conv_3x3"), 16)
    norm_and_relu = 2 * 8 * halved + 8 * pixels
    assert found == Count(3 * 8 + 8 + 8 * 9 + 8 * 8 + 2 * 8, lift + dilated, lift + dilated + norm_and_relu)


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(4, 6, 3),
        nn.Conv2d(4, 8, (5, 3), stride=(2, 3), padding=(4, 1), dilation=2, groups=4),
        nn.Conv2d(4, 4, 3, stride=2, padding="valid", bias=False),
        nn.ConvTranspose2d(4, 6, 3, stride=(3, 2), padding=1, output_padding=1, dilation=2, groups=2),
    ],
)
def test_what_is_counted_has_the_shape_that_it_would_have(convolution: nn.Module) -> None:
    image = torch.zeros(2, 4, 9, 12)
    with counting():
        counted = convolution(image)
    assert counted.shape == convolution(image).shape


def test_a_map_that_is_too_small_is_as_wrong_when_it_is_counted() -> None:
    convolution = nn.Conv2d(4, 4, 5, dilation=2)
    for compute in (nullcontext(), counting()):
        with pytest.raises(RuntimeError), compute:
            convolution(torch.zeros(1, 4, 8, 12))


def test_counting_leaves_the_network_as_it_was() -> None:
    network = nasbench201("nor_conv_1x1").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    count(network, 32)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", (0, 0, 0)),
        ("noise", (0, 0, 0)),
        ("skip_connect", (0, 0, 0)),
        ("max_pool_3x3", (0, 0, 2 * 8 * 36)),
        ("avg_pool_3x3", (0, 0, 2 * 8 * 36)),
        ("nor_conv_1x1", (72, 64 * 36, 64 + 2 * 8 * 36)),
        ("dil_conv_5x5", (200 + 64, 264 * 36, 264 + 4 * 8 * 36)),
        ("sep_conv_3x3", (2 * (72 + 64), 2 * 136 * 36, 2 * 136 + 8 * 8 * 36)),
    ],
)
def test_operations_by_hand(name, expected):
    """On 8 channels of 6 x 6: kernels of depthwise and pointwise convolutions, each of which reads and writes a map."""
    assert count_operation(name, 8, 6) == OperationCount(*expected)
