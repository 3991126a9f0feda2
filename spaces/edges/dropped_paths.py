"""The sum of operations with drop-path, and cutout beside it: R-DARTS(DP)'s edge (Zela et al., ICLR 2020).

In training every sample loses the whole output of a mixed edge with probability p, and what is left is scaled by
1 / (1 - p). A skip is lost with the rest of its edge: R-DARTS drops what the mixed edge gives, not its operations one
by one (RobustDARTS src/search/model_search.py, Cell.forward), where a final network keeps its identities. Both p and
the share of the images that lose a square grow linearly, from none at the first epoch to what is set, and to all, at
the last one (src/search/train_search.py). Where p stays 0 this is the sum of operations, and no image is cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Generator, Tensor, nn

from harness.core.settings import setting
from spaces.drop_path import path_factors
from spaces.edges.edge import EdgePart
from spaces.edges.sum import SumOfOperations
from spaces.supernet import Outgoing


class SumWithDroppedPaths(SumOfOperations):
    """What leaves one state of a cell: the gated sums of operations, each lost by a sample with probability `rate`.

    Edges between the same two states, which no space here has, are lost together."""

    repeats = False
    rate = 0.0

    def forward(self, x: Tensor, gates: Tensor, draw: Generator | None) -> Iterator[tuple[int, Tensor]]:
        contributions = super().forward(x, gates, draw)
        if not self.training or self.rate == 0:
            yield from contributions
            return
        targets = list(dict.fromkeys(edge.target for edge in self.edges))
        factors = dict(zip(targets, path_factors(len(targets), x, self.rate, draw), strict=True))
        for target, y in contributions:
            yield target, y * factors[target].to(y.dtype)


@dataclass(frozen=True)
class DroppedPathsEdge(EdgePart):
    """A mixed edge is the gated sum of its operations, which in training is dropped at random, sample by sample."""

    search_drop_path: float = setting(
        0.2,
        "choice: R-DARTS, section 5.1, compares 0, 0.2, 0.4 and 0.6; its probability at the last epoch",
        minimum=0,
        maximum=0.99,
    )
    search_cutout: int = setting(
        16,
        "RobustDARTS src/search/args.py; the square's side in pixels, 0 for none; without drop-path there is none",
        minimum=0,
    )

    @property
    def outgoing(self) -> Outgoing:
        return SumWithDroppedPaths

    def rate(self, epoch: int, epochs: int) -> float:
        """The probability with which a sample loses an edge at an epoch of so many."""
        return self.search_drop_path * _grown(epoch, epochs)

    def cutout(self, epoch: int, epochs: int) -> tuple[int, float]:
        return (self.search_cutout, _grown(epoch, epochs)) if self.search_drop_path else (0, 0.0)

    def adjust(self, net: nn.Module, stage: int, epoch: int, epochs: int, warmup: int) -> None:
        for module in net.modules():
            if isinstance(module, SumWithDroppedPaths):
                module.rate = self.rate(epoch, epochs)


def _grown(epoch: int, epochs: int) -> float:
    """From 0 at the first epoch to 1 at the last."""
    return epoch / max(1, epochs - 1)
