"""What lies around the choices in a mobile network: how wide every block is, and where maps are halved. As data.

A network is a stem, perhaps a block that is not searched, the chain of searched blocks, a last convolution and a linear
classifier. Widths are given once, at the size of the publication; others are in proportion, in multiples of 8.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from harness.core.errors import unknown
from harness.core.settings import setting
from spaces.cells import Edge

DIVISOR = 8
"""Of all widths."""
STEMS = ("cifar", "imagenet")
SKIP = "skip_connect"


@dataclass(frozen=True)
class Stage:
    """Blocks of one width, the first of them with a stride."""

    channels: int
    blocks: int
    stride: int


@dataclass(frozen=True)
class Block:
    """Where a searched block stands: what it maps to what."""

    c_in: int
    c_out: int
    stride: int

    @property
    def keeps(self) -> bool:
        """Whether its output is like its input, so that it can be left out."""
        return self.stride == 1 and self.c_in == self.c_out


@dataclass(frozen=True)
class Plan:
    """All widths of a network, and the strides of its parts."""

    stem: int
    first: int
    """Channels of a block after the stem that is not searched, MBConv1 3x3; 0: there is none."""
    stages: tuple[Stage, ...]
    features: int
    """Channels of the last convolution, which the classifier reads."""
    stem_stride: int = 2

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The searched blocks, in order."""
        outputs = [
            (stage.channels, stage.stride if i == 0 else 1) for stage in self.stages for i in range(stage.blocks)
        ]
        widths = [self.first or self.stem, *(channels for channels, _ in outputs)]
        return tuple(Block(a, b, stride) for (a, b), (_, stride) in zip(pairwise(widths), outputs, strict=True))

    @property
    def divides(self) -> int:
        """By how much the side of an image is divided."""
        product = self.stem_stride
        for stage in self.stages:
            product *= stage.stride
        return product

    def edges(self, candidates: tuple[str, ...]) -> tuple[Edge, ...]:
        """The chain: block i is the edge from state i to i + 1. One that can be left out has a skip besides, last."""
        return tuple(
            Edge(number, number + 1, (*candidates, SKIP) if block.keeps else candidates)
            for number, block in enumerate(self.blocks)
        )

    def at(self, features: int, stem: str) -> Plan:
        """The plan with so many channels in the last convolution and all others in proportion, for a stem by name.

        "imagenet" divides images as published. "cifar" (choice: as MobileNetV2 is used on CIFAR) keeps their size in
        the stem and in the first stage that would halve it, and so divides it by a quarter of that. Raises HarnessError
        for another stem."""
        if stem not in STEMS:
            raise unknown("stem", stem, STEMS)
        small = stem == "cifar"
        halving = next(number for number, stage in enumerate(self.stages) if stage.stride > 1)
        stages = tuple(
            Stage(
                _rounded(stage.channels, features, self.features),
                stage.blocks,
                1 if small and number == halving else stage.stride,
            )
            for number, stage in enumerate(self.stages)
        )
        return replace(
            self,
            stem=_rounded(self.stem, features, self.features),
            first=self.first and _rounded(self.first, features, self.features),
            stages=stages,
            features=_rounded(self.features, features, self.features),
            stem_stride=1 if small else self.stem_stride,
        )


def _rounded(channels: int, numerator: int, denominator: int) -> int:
    """channels * numerator / denominator as the nearest multiple of 8, upwards in the middle and where the lower one
    lacks more than a tenth (MobileNet's rule; ProxylessNAS search/utils: make_divisible). At least 8."""
    exact = channels * numerator
    nearest = max(1, (2 * exact + DIVISOR * denominator) // (2 * DIVISOR * denominator)) * DIVISOR
    return nearest + DIVISOR if 10 * nearest * denominator < 9 * exact else nearest


@dataclass(frozen=True)
class MobileMacro:
    """The size of a supernet."""

    channels: int = setting(
        1280,
        "of the last convolution, all others in proportion; as published: ProxylessNAS search/imagenet_arch_search.py "
        "1280 (its GPU network: 1728), FBNet 1984",
        minimum=1,
    )
    stem: str = setting("cifar", "choice: on small images the stem and the first stage keep their size", choices=STEMS)


PROXYLESS = Plan(
    stem=32,
    first=16,
    stages=tuple(map(Stage, (24, 40, 80, 96, 192, 320), (4, 4, 4, 4, 4, 1), (2, 2, 2, 1, 2, 1))),
    features=1280,
)
"""21 searched blocks (ProxylessNAS search/imagenet_arch_search.py, search/models/super_nets/super_proxyless.py)."""
FBNET = Plan(
    stem=16,
    first=0,
    stages=tuple(map(Stage, (16, 24, 32, 64, 112, 184, 352), (1, 4, 4, 4, 4, 4, 1), (1, 2, 2, 2, 1, 2, 1))),
    features=1984,
)
"""22 searched blocks (FBNet, Table 1; mobile-vision mobile_cv/arch/fbnet_v2/fbnet_modeldef_cls_fbnet.py:103-147)."""
