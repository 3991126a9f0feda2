"""beta-DARTS' regulariser: large logits cost, the more the later."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.core.settings import setting
from methods.objectives.objective import Objective
from methods.relaxations.relaxation import rows_of
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class BetaDecay(Objective):
    """lambda * mean over the edges of logsumexp(alpha_e), lambda rising linearly over the epochs (beta-DARTS, Ye et
    al., CVPR 2022). Where a relaxation adds logits of other things than operations, those are left alone."""

    beta_decay: float = setting(0.0, "beta-DARTS: lambda at the first epoch", minimum=0)
    beta_decay_end: float = setting(50.0, "beta-DARTS: lambda at the last epoch", minimum=0)

    def term(self, alpha: Tensor, gates: Tensor, space: Space, clock: Clock) -> Tensor:
        weight = self.beta_decay + (self.beta_decay_end - self.beta_decay) * clock.linear()
        return weight * rows_of(alpha[: space.dimension], space.widths).logsumexp(dim=1).mean()
