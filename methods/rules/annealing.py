"""Simulated annealing: a random step is taken where it is better, or not much worse for the temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.estimating import of_losses
from methods.rules.rule import Draw, Memory, Move, each, normal
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class Annealing:
    """alpha + s z, z ~ N(0, I), is taken with the probability min(1, exp(-[L(alpha + s z) - L(alpha)] / T)): the
    criterion of Metropolis, with a temperature T that falls as half a cosine from T_0 to 0 over the epochs that move
    alpha. L(alpha) is evaluated like the candidate: the weights have moved on since the last update.

    Kirkpatrick et al., Science 220 (1983); proposal and cooling are choices."""

    together: ClassVar[bool] = True
    proposal_sigma: float = setting(
        0.02, "s; choice: steps about as long as GLD's at the beginning", minimum=1e-12, maximum=1e3
    )
    temperature: float = setting(
        1e-3, "T_0; choice: of the order of the differences between proposals' losses", minimum=0
    )

    def start(self, alpha: Tensor) -> Memory:
        return {}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        proposal = alpha + self.proposal_sigma * normal(draw, 1, alpha)[..., 0, :]
        chance = each(draw, lambda own: torch.rand((), generator=own, dtype=torch.float64))
        threshold = (1 - chance).log().to(alpha.device)
        losses = oracle.losses(torch.stack([alpha, proposal], dim=-2))
        own, other = losses.double().unbind(dim=-1)
        temperature = self.temperature * clock.cosine()
        # A loss that is equal is taken at every temperature, and one that is not finite at none.
        taken = other.isfinite() & (other - own <= -temperature * threshold)
        moved = torch.where(taken[..., None], proposal, alpha)
        after = torch.where(own.isfinite()[..., None], moved, torch.nan)  # nowhere to compare from
        return Move(
            after, {}, {**of_losses(losses), "moved": taken.to(alpha), "step_norm": (after - alpha).norm(dim=-1)}
        )
