"""The final networks in plain torch: `as_python` copies what a network needs from here, source text and all.

So nothing here may refer to the rest of the harness. Parameters have the names that they have in `spaces.network`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn

Operation = Callable[[int, int], nn.Module]  # (channels, stride) -> (B, channels, H, W) to (B, channels, H/stride, ...)


class Graph(NamedTuple):
    """A cell. States 0, 1, ... are its inputs, and every node adds one: the sum of its edges, each an operation and the
    state that it reads. The states in `concat` are the output."""

    nodes: list[list[tuple[Operation, int]]]
    concat: list[int]


class Rectified(nn.Sequential):
    """ReLU, then the layers."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.relu(x))


def relu_conv_bn(c_in: int, c_out: int, kernel: int = 1, stride: int = 1) -> Rectified:
    convolution = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
    return Rectified(convolution, nn.BatchNorm2d(c_out))


class FactorizedReduce(nn.Module):
    """Half the side: ReLU, a 1x1 convolution of the even pixels beside one of the odd pixels, batch norm."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, bias=False)
        self.odd = nn.Conv2d(c_in, c_out - c_out // 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(x)
        even, odd = x[:, :, ::2, ::2], x[:, :, 1::2, 1::2]
        return self.norm(torch.cat([self.even(even.contiguous()), self.odd(odd.contiguous())], dim=1))


class Zero(nn.Module):
    """Zeros, whatever the input."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


class Noise(nn.Module):
    """Standard normal values, whatever the input, drawn anew at every call."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return torch.randn_like(x[:, :, :: self.stride, :: self.stride])


class StridedPointwise(nn.Conv2d):
    """A 1x1 convolution of every other pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, :, ::2, ::2].contiguous())


def separable(channels: int, kernel: int, stride: int, dilation: int = 1) -> list[nn.Module]:
    """A convolution of each channel, a 1x1 convolution over them, batch norm."""
    padding = dilation * (kernel // 2)
    return [
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    ]


def none(channels: int, stride: int) -> nn.Module:
    return Zero(stride)


def noise(channels: int, stride: int) -> nn.Module:
    return Noise(stride)


def skip_connect(channels: int, stride: int) -> nn.Module:
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)


def max_pool_3x3(channels: int, stride: int) -> nn.Module:
    return nn.MaxPool2d(3, stride, padding=1)


def avg_pool_3x3(channels: int, stride: int) -> nn.Module:
    return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)


def sep_conv_3x3(channels: int, stride: int) -> nn.Module:
    return Rectified(*separable(channels, 3, stride), nn.ReLU(), *separable(channels, 3, 1))


def sep_conv_5x5(channels: int, stride: int) -> nn.Module:
    return Rectified(*separable(channels, 5, stride), nn.ReLU(), *separable(channels, 5, 1))


def dil_conv_3x3(channels: int, stride: int) -> nn.Module:
    return Rectified(*separable(channels, 3, stride, dilation=2))


def dil_conv_5x5(channels: int, stride: int) -> nn.Module:
    return Rectified(*separable(channels, 5, stride, dilation=2))


class AndSkip(nn.Module):
    """An operation and, added to it, a skip."""

    def __init__(self, operation: nn.Module, skip: nn.Module) -> None:
        super().__init__()
        self.operation, self.skip = operation, skip

    def forward(self, x: Tensor) -> Tensor:
        return self.operation(x) + self.skip(x)


def and_skip(operation: Operation) -> Operation:
    return lambda channels, stride: AndSkip(operation(channels, stride), skip_connect(channels, stride))


max_pool_3x3_and_skip = and_skip(max_pool_3x3)
avg_pool_3x3_and_skip = and_skip(avg_pool_3x3)
skip_connect_and_skip = and_skip(skip_connect)
sep_conv_3x3_and_skip = and_skip(sep_conv_3x3)
sep_conv_5x5_and_skip = and_skip(sep_conv_5x5)
dil_conv_3x3_and_skip = and_skip(dil_conv_3x3)
dil_conv_5x5_and_skip = and_skip(dil_conv_5x5)


def nor_conv_1x1(channels: int, stride: int) -> nn.Module:
    kind = nn.Conv2d if stride == 1 else StridedPointwise
    return Rectified(kind(channels, channels, 1, bias=False), nn.BatchNorm2d(channels))


def nor_conv_3x3(channels: int, stride: int) -> nn.Module:
    return relu_conv_bn(channels, channels, 3, stride)


def conv_bn_relu(c_in: int, c_out: int, kernel: int, stride: int, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(c_out), nn.ReLU6()]


class Shuffle(nn.Module):
    """Channel i of group k becomes channel groups * i + k."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)


class InvertedResidual(nn.Module):
    """A 1x1 convolution that widens, one of each channel, a 1x1 convolution; plus the input where it is alike."""

    def __init__(self, c_in: int, c_out: int, stride: int, expansion: int, kernel: int, groups: int = 1) -> None:
        super().__init__()
        width = c_in * expansion
        self.layers = nn.Sequential(
            *(conv_bn_relu(c_in, width, 1, 1) if expansion > 1 else []),
            *([Shuffle(groups)] if groups > 1 else []),
            *conv_bn_relu(width, width, kernel, stride, groups=width),
            nn.Conv2d(width, c_out, 1, groups=groups, bias=False),
            nn.BatchNorm2d(c_out),
        )
        self.shortcut = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


def mbconv3_3x3(channels: int, stride: int) -> nn.Module:
    return InvertedResidual(channels, channels, stride, expansion=3, kernel=3)


def mbconv6_3x3(channels: int, stride: int) -> nn.Module:
    return InvertedResidual(channels, channels, stride, expansion=6, kernel=3)


def mbconv3_5x5(channels: int, stride: int) -> nn.Module:
    return InvertedResidual(channels, channels, stride, expansion=3, kernel=5)


def mbconv6_5x5(channels: int, stride: int) -> nn.Module:
    return InvertedResidual(channels, channels, stride, expansion=6, kernel=5)


def mbconv3_7x7(channels: int, stride: int) -> nn.Module:
    return InvertedResidual(channels, channels, stride, expansion=3, kernel=7)


def mbconv6_7x7(channels: int, stride: int) -> nn.Module:
    return InvertedResidual(channels, channels, stride, expansion=6, kernel=7)


def mbconv1_3x3(channels: int, stride: int) -> nn.Module:
    return InvertedResidual(channels, channels, stride, expansion=1, kernel=3)


def mbconv1_5x5(channels: int, stride: int) -> nn.Module:
    return InvertedResidual(channels, channels, stride, expansion=1, kernel=5)


def mbconv1_3x3_g2(channels: int, stride: int) -> nn.Module:
    return InvertedResidual(channels, channels, stride, expansion=1, kernel=3, groups=2)


def mbconv1_5x5_g2(channels: int, stride: int) -> nn.Module:
    return InvertedResidual(channels, channels, stride, expansion=1, kernel=5, groups=2)


class Cell(nn.Module):
    """A graph's operations; those of a reduction cell that read its inputs have stride 2."""

    def __init__(self, graph: Graph, channels: int, preprocess: list[nn.Module], reduction: bool) -> None:
        super().__init__()
        self.graph = graph
        self.preprocess = nn.ModuleList(preprocess)
        self.operations = nn.ModuleList(
            operation(channels, 2 if reduction and source < len(preprocess) else 1)
            for node in graph.nodes
            for operation, source in node
        )

    def forward(self, *inputs: Tensor) -> Tensor:
        states = [layer(x) for layer, x in zip(self.preprocess, inputs, strict=True)]
        operations = iter(self.operations)
        for node in self.graph.nodes:
            states.append(reduce(torch.add, [next(operations)(states[source]) for _, source in node]))
        return torch.cat([states[state] for state in self.graph.concat], dim=1)


class CifarStem(nn.Module):
    """Images to the two states that the first cell reads, here one and the same, of the images' size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        state = self.layers(images)
        return state, state


class ImageNetStem(nn.Module):
    """Images to the two states that the first cell reads, at 1/4 and 1/8 of the images' side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.quarter = nn.Sequential(
            nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.eighth = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        quarter = self.quarter(images)
        return quarter, self.eighth(quarter)


class DartsNetwork(nn.Module):
    """Normalised images (B, 3, H, W) to logits (B, classes): a stem, cells, global average pooling, a linear layer.

    `channels` is the width of the first cells. The cells at 1/3 and 2/3 of the depth halve the map and double the
    width; a single cell does so, too, and then there is no `normal` one. Each cell reads the two states before it.
    `stem_halves`: whether those of the stem differ in size."""

    def __init__(
        self,
        normal: Graph | None,
        reduction: Graph,
        stem: nn.Module,
        stem_width: int,
        stem_halves: bool,
        channels: int,
        cells: int,
        classes: int,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.cells = nn.ModuleList()
        older, newer, halved = stem_width, stem_width, stem_halves
        for index in range(cells):
            reduces = index in (cells // 3, 2 * cells // 3)
            channels *= 2 if reduces else 1
            graph = reduction if reduces or normal is None else normal
            adapt = FactorizedReduce if halved else relu_conv_bn
            preprocess: list[nn.Module] = [adapt(older, channels), relu_conv_bn(newer, channels)]
            self.cells.append(Cell(graph, channels, preprocess, reduces))
            older, newer, halved = newer, len(graph.concat) * channels, reduces
        self.classifier = nn.Linear(newer, classes)

    def forward(self, images: Tensor) -> Tensor:
        older, newer = self.stem(images)
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        return self.classifier(newer.mean(dim=(2, 3)))


class ResidualBlock(nn.Module):
    """Half the side: two convolutions, and a shortcut by pooling."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = relu_conv_bn(c_in, c_out, 3, stride=2)
        self.second = relu_conv_bn(c_out, c_out, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.second(self.first(x))


class NasBench201Network(nn.Module):
    """Normalised images (B, 3, H, W) to logits (B, classes): a stem, three stages of `cells` cells with residual blocks
    between them that halve the map and double the width, global average pooling, a linear layer."""

    def __init__(self, graph: Graph, channels: int, cells: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.body = nn.Sequential()
        for stage in range(3):
            if stage > 0:
                self.body.append(ResidualBlock(channels, 2 * channels))
                channels *= 2
            for _ in range(cells):
                self.body.append(Cell(graph, channels, [nn.Identity()], reduction=False))
        self.last = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.classifier = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.last(self.body(self.stem(images)))
        return self.classifier(x.mean(dim=(2, 3)))


class MobileNetwork(nn.Module):
    """Normalised images (B, 3, H, W) to logits (B, classes): a stem, a chain of blocks, a last convolution to
    `features` channels, global average pooling, a linear layer."""

    def __init__(self, stem: list[nn.Module], blocks: list[nn.Module], width: int, features: int, classes: int) -> None:
        super().__init__()
        self.stem, self.blocks = nn.Sequential(*stem), nn.Sequential(*blocks)
        self.last = nn.Sequential(*conv_bn_relu(width, features, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(1))
        self.classifier = nn.Linear(features, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.last(self.blocks(self.stem(images))))
