"""Evolution strategies with mirrored samples, whose losses count by their ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.estimating import of_descent
from methods.rules.rule import Draw, Memory, Move, around, normal, weighed
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class NES:
    """u* = -eta / (2 N sigma) sum_i [F(alpha + sigma e_i) - F(alpha - sigma e_i)] e_i with e_i ~ N(0, I), and F the
    centred rank of a loss among the 2N: from -1/2, the lowest, to 1/2.

    Salimans et al., arXiv:1703.03864, Algorithm 1 and section 2.1; the ranks as in openai/evolution-strategies-starter
    es_distributed/es.py compute_centered_ranks, but equal losses share a rank, so that none is an accident."""

    together: ClassVar[bool] = True
    samples: int = setting(4, "N pairs; as many as ZARTS has candidates (choice)", minimum=1)
    nes_sigma: float = setting(0.1, "choice: as far as ZARTS-RS looks; Salimans: 0.02 for weights", minimum=1e-12)
    nes_lr: float = setting(0.01, "eta; choice: steps about as long as GLD's at the beginning", minimum=0)

    def start(self, alpha: Tensor) -> Memory:
        return {}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        noise = normal(draw, self.samples, alpha)
        moves = self.nes_sigma * noise
        losses = oracle.losses(torch.cat([around(alpha, moves), around(alpha, -moves)], dim=-2))
        plus, minus = centred_ranks(losses).to(alpha).chunk(2, dim=-1)
        gradient = weighed(plus - minus, noise) / (2 * self.samples * self.nes_sigma)
        step = -self.nes_lr * gradient
        return Move(alpha + step, {}, of_descent(step, gradient, losses))


def centred_ranks(losses: Tensor) -> Tensor:
    """The ranks (..., n) of losses (..., n), n > 1, from -1/2 to 1/2, float64; equals share the middle of theirs. What
    is not finite ranks highest; not numbers where nothing is finite."""
    values = torch.where(losses.isfinite(), losses, torch.inf)
    row, column = values[..., None, :], values[..., :, None]
    below = (row < column).double() + (row == column).double() / 2
    ranks = (below.sum(dim=-1) - 0.5) / (losses.shape[-1] - 1) - 0.5
    return torch.where(losses.isfinite().any(dim=-1, keepdim=True), ranks, torch.nan)
