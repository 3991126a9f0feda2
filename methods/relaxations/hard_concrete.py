"""PR-DARTS' relaxation: operations that do not compete, and of which the strongest run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.relaxations.relaxation import NOTHING, Relaxation, rows_of, within
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class HardConcrete(Relaxation):
    """Of every edge `active` operations have the gate 1, the others exactly 0 (PR-DARTS, Zhou et al., NeurIPS 2020;
    PRDARTS_search/search_model_prdarts_nasnet.py:260-306). Goes with an edge that runs only those with a gate.

    Every operation has a gate of the hard-concrete distribution, s = sigmoid((alpha + L) / temperature), L logistic
    noise, stretched beyond 0 and 1 by `stretch` and clipped. Those with the largest s are active, after 1 was taken
    from that of every operation with a probability of `operation_drop`; ties, which the clipping makes, are broken at
    random. The gates have the gradient of s (straight-through), 0 where it is clipped. An edge with fewer operations
    has all of them active. Operations are dropped in every forward, validation's too (choice).

    Cells are derived from softmax(alpha).
    """

    temperature: float = setting(1.0, "PR-DARTS test_PRDARTS.py:253-254,164; PRDARTS.py has 10", minimum=1e-6)
    temperature_end: float = setting(0.1, "same place; linear from the first epoch to the last", minimum=1e-6)
    active: int = setting(2, "operations of an edge; PR-DARTS search_model_prdarts_nasnet.py:260-306", minimum=1)
    operation_drop: float = setting(0.4, "PR-DARTS, same place", minimum=0, maximum=1)
    stretch: float = setting(0.1, "PR-DARTS, same place: the limits are -0.1 and 1.1", minimum=1e-6)

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        drawn = torch.rand(3, len(alpha), dtype=torch.float64, generator=draw)
        noise, dropped, ties = drawn[0].logit(), drawn[1] < self.operation_drop, drawn[2]
        stretched = ((alpha + noise.to(alpha)) / self.temperature_at(clock)).sigmoid() * (1 + 2 * self.stretch)
        soft = (stretched - self.stretch).clamp(0, 1)
        score, inside = soft.detach() - dropped.to(alpha), within(space.widths, alpha.device)
        hard = inside * _largest(rows_of(score, space.widths), rows_of(ties.to(alpha), space.widths), self.active)
        slope = rows_of(soft, space.widths).where(inside, 0.0)
        return hard + (slope - slope.detach())  # in this order the values are exactly 0 and 1

    def activation(self, alpha: Tensor, space: Space, clock: Clock) -> Tensor:
        """The probability of every operation that its s is not 0 (rows, widest). Padding is 0."""
        shift = self.temperature_at(clock) * math.log(self.stretch / (1 + self.stretch))
        return rows_of(alpha - shift, space.widths).sigmoid()

    def temperature_at(self, clock: Clock) -> float:
        return clock.between(self.temperature, self.temperature_end)


def _largest(scores: Tensor, ties: Tensor, count: int) -> Tensor:
    """1 at the `count` largest scores of every row, those with larger `ties` among equals, and 0 elsewhere."""
    order = ties.argsort(dim=1, descending=True)
    ranked = scores.gather(1, order).argsort(dim=1, descending=True, stable=True)
    return torch.zeros_like(scores).scatter_(1, order.gather(1, ranked[:, :count]), 1.0)
