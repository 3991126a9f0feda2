"""ProxylessNAS' paths: one operation per edge, sampled, without a gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Generator, Tensor

from methods.relaxations.gumbel import one_hot, perturbed
from methods.relaxations.policy import Policy, Sample
from methods.relaxations.relaxation import NOTHING, rows_of, within
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class Categorical(Policy):
    """One operation per edge, each drawn from softmax(alpha) of its edge (ProxylessNAS, Cai et al., ICLR 2019;
    search/modules/mix_op.py)."""

    def sample(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Sample:
        drawn = one_hot(rows_of(perturbed(alpha.detach(), draw), space.widths))
        logs = rows_of(alpha, space.widths).log_softmax(dim=1).where(within(space.widths, alpha.device), 0.0)
        return Sample(drawn, (drawn * logs).sum(), -(logs.exp() * logs).sum())
