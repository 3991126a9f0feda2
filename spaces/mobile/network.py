"""The mobile family's final networks. Source: ProxylessNAS search/models/normal_nets/proxyless_nets.py."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator, Tensor, nn

from spaces.layouts import laid_out
from spaces.mobile.layers import block, last_of, stem_of
from spaces.mobile.plan import Plan
from spaces.network import FinalNetwork


class MobileNetwork(FinalNetwork):
    """Stem, the chosen blocks in a row, a last convolution, global average pooling, a linear classifier. `operations`
    names one for each block of the plan."""

    def __init__(self, operations: Sequence[str], plan: Plan, classes: int) -> None:
        super().__init__()
        self.stem, self.last = stem_of(plan), last_of(plan)
        self.classifier = nn.Linear(plan.features, classes)
        self.blocks = nn.ModuleList(
            block(name, own.c_in, own.c_out, own.stride, affine=True)
            for name, own in zip(operations, plan.blocks, strict=True)
        )

    @property
    def paths(self) -> list[int]:
        return [1] * len(self.blocks)

    def forward(self, x: Tensor, drop_path: float | Tensor = 0.0, draw: Generator | None = None) -> Tensor:
        """Logits (B, classes); the arguments are those of `DartsNetwork.forward`. A block loses what it adds to its
        input; one that adds nothing to its input is kept. No paper of the family has drop-path."""
        factors = self.factors(x, drop_path, draw)
        x = self.stem(laid_out(x))
        for layer, factor in zip(self.blocks, factors, strict=True):
            x = layer(x) if factor is None or isinstance(layer, nn.Identity) else layer(x, factor[0])
        return self.classifier(self.last(x))
