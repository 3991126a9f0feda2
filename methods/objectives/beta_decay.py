"""beta-DARTS' regulariser: large logits cost, the more the later."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.settings import setting
from methods.objectives.objective import Objective, Point
from methods.relaxations.relaxation import Relaxation, rows_of


@dataclass(frozen=True)
class BetaDecay(Objective):
    """lambda * mean over the edges of logsumexp(alpha_e), lambda rising linearly over the epochs (beta-DARTS, Ye et
    al., CVPR 2022). Where a relaxation adds logits of other things than operations, those are left alone."""

    beta_decay: float = setting(0.0, "beta-DARTS: lambda at the first epoch", minimum=0)
    beta_decay_end: float = setting(50.0, "beta-DARTS: lambda at the last epoch", minimum=0)

    def check(self, relaxation: Relaxation) -> None:
        if not relaxation.per_operation:
            raise HarnessError(
                f"the beta-decay objective needs a logit for every operation; {type(relaxation).__name__} has others."
            )

    def term(self, at: Point) -> Tensor:
        weight = at.clock.between(self.beta_decay, self.beta_decay_end)
        return weight * rows_of(at.alpha[: at.space.dimension], at.space.widths).logsumexp(dim=1).mean()
