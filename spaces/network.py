"""The final networks: a genotype's chosen operations, trained from scratch to score it.

Every network maps images (B, 3, H, W) to logits (B, classes). Batch norm is affine and pools carry none. Weights get
PyTorch's default initialisation from the global generator, so whoever builds a network seeds it first. Sources: ZARTS
model.py:8-156, NAS-Bench-201 tiny_network.py:16-38.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

import torch
from torch import Generator, Tensor, nn

from harness.core import genotype as genotypes
from harness.core.errors import HarnessError, unknown
from harness.core.genotype import Genotype
from spaces.darts.space import reductions
from spaces.operations import OPERATIONS, FactorizedReduce, ResidualBlock, apply, norm, relu_conv_bn
from spaces.stems import STEM_MULTIPLIER, STEMS, image_stem


class Cell(nn.Module):
    """A genotype's cell on preprocessed inputs: a node sums its edges, the output concatenates `concat`."""

    def __init__(self, graph: genotypes.Cell, channels: int, preprocess: Iterable[nn.Module], reduction: bool) -> None:
        super().__init__()
        self.graph = graph
        self.preprocess = nn.ModuleList(preprocess)
        self.operations = nn.ModuleList(
            _operation(name, channels, stride=2 if reduction and source < graph.inputs else 1)
            for name, source in graph.edges
        )

    def forward(self, inputs: Sequence[Tensor], draw: Generator | None, factors: Sequence[Tensor] | None) -> Tensor:
        """`factors` holds, for each edge, what drop-path multiplies its output with: (B, 1, 1, 1)."""
        states = [layer(x) for layer, x in zip(self.preprocess, inputs, strict=True)]
        edges = iter(range(len(self.operations)))
        for node in self.graph.nodes:
            terms = [self._edge(next(edges), states[source], draw, factors) for _, source in node]
            states.append(reduce(torch.add, terms))
        return torch.cat([states[state] for state in self.graph.concat], dim=1)

    def _edge(self, index: int, x: Tensor, draw: Generator | None, factors: Sequence[Tensor] | None) -> Tensor:
        operation = self.operations[index]
        value = apply(operation, x, draw)
        if factors is None or isinstance(operation, nn.Identity):
            return value
        return value * factors[index].to(value.dtype)


class AuxiliaryHead(nn.Module):
    """The classifier on an inner map, for the training loss only. ImageNet's pools with stride 2 instead of 3 and
    lacks the last BN, as in the DARTS code (model.py:62-107)."""

    def __init__(self, channels: int, classes: int, stem: str) -> None:
        super().__init__()
        imagenet = stem == "imagenet"
        self.stride, self.side = (2, 7) if imagenet else (3, 8)
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, self.stride),
            nn.Conv2d(channels, 128, 1, bias=False),
            norm(128, affine=True),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.Identity() if imagenet else norm(768, affine=True),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, classes). Raises HarnessError unless the map pools to 2x2."""
        if any((side - 5) // self.stride + 1 != 2 for side in x.shape[2:]):
            raise HarnessError(
                f"the auxiliary head reads a map of {self.side}x{self.side} and got {x.shape[2]}x{x.shape[3]}; "
                f"images of this size are trained without it."
            )
        return self.classifier(self.features(x).flatten(1))


class DartsNetwork(nn.Module):
    """The DARTS family's network (ZARTS model.py): a stem, `cells` cells of which those at 1/3 and 2/3 of the depth
    halve the map and double the channels, global average pooling and a linear classifier.

    `channels` is the width C of the first cells. The stem "cifar" has 3C channels and keeps the image's size,
    "imagenet" has C and divides it by 8. `auxiliary` adds a head after cell 2 * cells // 3."""

    def __init__(
        self, genotype: Genotype, channels: int, cells: int, classes: int, stem: str = "cifar", auxiliary: bool = False
    ) -> None:
        super().__init__()
        imagenet = stem == "imagenet"
        width = channels if imagenet else STEM_MULTIPLIER * channels
        self.stem = STEMS[stem](width)
        self.cells = nn.ModuleList()
        # The states of the ImageNet stem differ in size as if a reduction lay between them.
        older, newer, after_reduction = width, width, imagenet
        widths = []
        for index in range(cells):
            reduction = index in reductions(cells)
            channels *= 2 if reduction else 1
            preprocess = _preprocess(older, newer, channels, after_reduction)
            graph = genotype["reduce" if reduction else "normal"]
            self.cells.append(Cell(graph, channels, preprocess, reduction))
            older, newer, after_reduction = newer, len(graph.concat) * channels, reduction
            widths.append(newer)
        self.auxiliary_at = reductions(cells)[1]
        self.auxiliary = AuxiliaryHead(widths[self.auxiliary_at], classes, stem) if auxiliary else None
        self.classifier = nn.Linear(newer, classes)

    def forward(
        self, x: Tensor, drop_path: float = 0.0, draw: Generator | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Logits (B, classes), and the auxiliary head's beside them in training where there is one.

        `drop_path` is the probability, in training, with which a sample loses an edge's output; identities are kept.
        `draw` is this forward's randomness, for drop-path and noise operations."""
        older, newer = self.stem(x)
        auxiliary = None
        for index, (cell, factors) in enumerate(zip(self.cells, _drop_path(self, x, drop_path, draw), strict=True)):
            older, newer = newer, cell((older, newer), draw, factors)
            if index == self.auxiliary_at and self.auxiliary is not None and self.training:
                auxiliary = self.auxiliary(newer)
        logits = self.classifier(newer.mean(dim=(2, 3)))
        return logits if auxiliary is None else (logits, auxiliary)


class NasBench201Network(nn.Module):
    """NAS-Bench-201's network (AutoDL-Projects tiny_network.py): a stem, three stages of `cells` cells at C, 2C and 4C
    channels with residual blocks of stride 2 between them, BN, ReLU, global average pooling, a linear classifier."""

    def __init__(self, genotype: Genotype, channels: int = 16, cells: int = 5, classes: int = 10) -> None:
        super().__init__()
        self.stem = image_stem(channels)
        self.body = nn.ModuleList()
        for stage in range(3):
            if stage > 0:
                self.body.append(ResidualBlock(channels, 2 * channels))
                channels *= 2
            self.body.extend(Cell(genotype["cell"], channels, [nn.Identity()], reduction=False) for _ in range(cells))
        self.last = nn.Sequential(norm(channels, affine=True), nn.ReLU())
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor, drop_path: float = 0.0, draw: Generator | None = None) -> Tensor:
        """Logits (B, classes); the arguments are those of `DartsNetwork.forward`. The benchmark itself was trained
        without drop-path."""
        factors = _drop_path(self, x, drop_path, draw)
        x = self.stem(x)
        for layer in self.body:
            x = layer((x,), draw, next(factors)) if isinstance(layer, Cell) else layer(x)
        return self.classifier(self.last(x).mean(dim=(2, 3)))


def _drop_path(
    network: nn.Module, x: Tensor, drop_path: float, draw: Generator | None
) -> Iterator[Sequence[Tensor] | None]:
    """Cell by cell, the factors of its edges: 0 with probability `drop_path`, else 1 / (1 - drop_path), per sample."""
    sizes = [len(module.operations) for module in network.modules() if isinstance(module, Cell)]
    if not network.training or drop_path == 0:
        return iter([None] * len(sizes))
    if draw is None:
        raise ValueError("drop-path needs a generator")
    keep = 1 - drop_path
    # One draw and one transfer for the whole forward, not one per edge.
    uniform = torch.rand(sum(sizes), len(x), 1, 1, 1, generator=draw, device=draw.device).to(x.device)
    return iter(((uniform < keep) / keep).split(sizes))


def _preprocess(older: int, newer: int, channels: int, after_reduction: bool) -> list[nn.Module]:
    """Bring both inputs of a cell to its channels; the older one also to the newer one's size."""
    adapt = FactorizedReduce if after_reduction else relu_conv_bn
    return [adapt(older, channels, affine=True), relu_conv_bn(newer, channels, affine=True)]


def _operation(name: str, channels: int, stride: int) -> nn.Module:
    if name not in OPERATIONS:
        raise unknown("operation", name, OPERATIONS)
    return OPERATIONS[name](channels, stride, True)
