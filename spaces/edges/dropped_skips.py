"""The sum of operations with dropout after its identity skips: P-DARTS' edge (Chen et al., ICCV 2019, section 3.3).

Dropout makes skips less attractive while the other operations are still untrained; its rate falls within each stage of
the search. Skips of stride 2, which have weights, are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from harness.core.settings import setting
from spaces.cells import Edge
from spaces.edges.edge import EdgePart
from spaces.edges.sum import SumOfOperations
from spaces.operations import Drawing
from spaces.supernet import Build, Outgoing


class DroppedSkip(Drawing):
    """The identity, of which in training every value is dropped with probability `rate`, and the rest scaled up."""

    rate = 0.0

    def forward(self, x: Tensor, draw: Generator) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = torch.rand(x.shape, generator=draw, device=draw.device, dtype=x.dtype) >= self.rate
        return x * (kept.to(x) / (1 - self.rate))


class SumWithDroppedSkips(SumOfOperations):
    """What leaves one state of a cell: the gated sums of operations, identity skips with dropout."""

    def __init__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build) -> None:
        def dropped(name: str, channels: int, stride: int) -> nn.Module:
            operation = build(name, channels, stride)
            return DroppedSkip() if isinstance(operation, nn.Identity) else operation

        super().__init__(edges, channels, stride, dropped)


@dataclass(frozen=True)
class DroppedSkipsEdge(EdgePart):
    """A mixed edge is the gated sum of its operations, with dropout after identity skips."""

    skip_dropout: float = setting(
        0.0, "P-DARTS, section 4.2.1: 0.0 in the first stage (0.1 in its README)", minimum=0, maximum=0.99
    )
    skip_dropout_second: float = setting(0.4, "P-DARTS, section 4.2.1: in the second stage", minimum=0, maximum=0.99)
    skip_dropout_third: float = setting(0.7, "P-DARTS, section 4.2.1: in the third stage", minimum=0, maximum=0.99)
    skip_dropout_decay: float = setting(
        0.2,
        "P-DARTS train_search.py: exponential, per epoch after the warm-up; before, the rate falls linearly",
        minimum=0,
    )

    @property
    def outgoing(self) -> Outgoing:
        return SumWithDroppedSkips

    def rate(self, stage: int, epoch: int, epochs: int, warmup: int) -> float:
        """At an epoch of a stage of so many."""
        initial = (self.skip_dropout, self.skip_dropout_second, self.skip_dropout_third)[min(stage, 2)]
        if epoch < warmup:
            return initial * (epochs - epoch - 1) / epochs
        return initial * math.exp(-self.skip_dropout_decay * (epoch - warmup))

    def adjust(self, net: nn.Module, stage: int, epoch: int, epochs: int, warmup: int) -> None:
        rate = self.rate(stage, epoch, epochs, warmup)
        for module in net.modules():
            if isinstance(module, DroppedSkip):
                module.rate = rate
