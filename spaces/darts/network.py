"""The final networks of the DARTS family. Source: ZARTS model.py:8-156."""

from __future__ import annotations

from torch import Generator, Tensor, nn

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from spaces.darts.topology import reductions
from spaces.layouts import laid_out
from spaces.network import Cell, FinalNetwork
from spaces.operations import FactorizedReduce, State, norm, relu_conv_bn
from spaces.pointwise import Pointwise
from spaces.stems import STEM_MULTIPLIER, STEMS


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
            Pointwise(channels, 128),
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


class DartsNetwork(FinalNetwork):
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
            older, newer, after_reduction = newer, len(graph.output) * channels, reduction
            widths.append(newer)
        self.auxiliary_at = reductions(cells)[1]
        self.auxiliary = AuxiliaryHead(widths[self.auxiliary_at], classes, stem) if auxiliary else None
        self.classifier = nn.Linear(newer, classes)

    def forward(
        self, x: Tensor, drop_path: float | Tensor = 0.0, draw: Generator | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Logits (B, classes), and the auxiliary head's beside them in training where there is one.

        `drop_path` is the probability, in training, with which a sample loses an edge's output, or `drawn_paths` with
        it; identities are kept. `draw` is this forward's randomness, for drop-path and noise operations."""
        older, newer = (State(state) for state in self.stem(laid_out(x)))
        auxiliary = None
        for index, (cell, factors) in enumerate(zip(self.cells, self.factors(x, drop_path, draw), strict=True)):
            older, newer = newer, cell((older, newer), draw, factors)
            if index == self.auxiliary_at and self.auxiliary is not None and self.training:
                auxiliary = self.auxiliary(newer.x)
        logits = self.classifier(newer.x.mean(dim=(2, 3)))
        return logits if auxiliary is None else (logits, auxiliary)


def _preprocess(older: int, newer: int, channels: int, after_reduction: bool) -> list[nn.Module]:
    """Bring both inputs of a cell to its channels; the older one also to the newer one's size."""
    adapt = FactorizedReduce if after_reduction else relu_conv_bn
    return [adapt(older, channels, affine=True), relu_conv_bn(newer, channels, affine=True)]
