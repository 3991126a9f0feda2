"""ROME's lookahead: the first order, averaged over sampled sub-networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.lookaheads.first_order import FirstOrderOracle
from methods.lookaheads.lookahead import UpdateContext


@dataclass(frozen=True)
class Averaged:
    """The mean of L_val(w, alpha) over sub-networks that are sampled one by one, each in passes of its own (ROME, Wang
    et al., ICCV 2023, Algorithm 1); all candidates of an update share the samples. With gates that are not sampled it
    is the first order, at so many times its cost."""

    alpha_subnetworks: int = setting(7, "ROME, section 4.1: K, as in a weight step; 3 on ImageNet", minimum=1)

    def oracle(self, context: UpdateContext) -> Oracle:
        return MeanOracle([FirstOrderOracle(sample(context, i)) for i in range(self.alpha_subnetworks)])


def sample(context: UpdateContext, number: int) -> UpdateContext:
    """The same, with random draws of its own in every forward."""
    return replace(
        context,
        gates=lambda alpha, name: context.gates(alpha, f"{name}/{number}"),
        draw=lambda name: context.draw(f"{name}/{number}"),
    )


@dataclass(frozen=True)
class MeanOracle:
    """What several oracles say on average."""

    oracles: Sequence[Oracle]

    def gradient(self, alpha: Tensor) -> Tensor:
        return torch.stack([oracle.gradient(alpha) for oracle in self.oracles]).mean(dim=0)

    def losses(self, alphas: Tensor) -> Tensor:
        return torch.stack([oracle.losses(alphas) for oracle in self.oracles]).mean(dim=0)
