"""GDAS' relaxation: one operation per edge, sampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.relaxations.relaxation import NOTHING, Relaxation, rows_of
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class Gumbel(Relaxation):
    """One operation per edge, sampled from softmax(alpha), with a straight-through gradient (GDAS; AutoDL-Projects
    search_model_gdas.py:114-129): the gates are one-hot at the largest of alpha + G, G Gumbel noise; their gradient is
    that of softmax((alpha + G) / temperature). Goes with an edge that runs only what was sampled.

    At given noise the gates are piecewise constant in alpha, and so is the loss of a candidate: rules that compare
    losses (random search, GLD) see a difference only where a candidate changes an edge's operation.

    The noise is drawn anew for every forward, validation's too. The forwards of one update of alpha have names, and
    those of one name share the noise: all candidates are fine-tuned on the same samples, and evaluated on one (choice;
    the ZARTS paper does not say).
    """

    temperature: float = setting(10.0, "GDAS; AutoDL-Projects GDAS.py:237-241", minimum=1e-6)
    temperature_end: float = setting(0.1, "same place; linear from the first epoch to the last", minimum=1e-6)

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        soft = self.soft(alpha, space, clock, draw)
        return one_hot(soft) + (soft - soft.detach())  # in this order the values are exactly 0 and 1

    def chances(self, alpha: Tensor, space: Space, clock: Clock, draw: Generator) -> Tensor:
        """softmax(alpha), from which the one-hot gates are sampled: their own gradient would need the losses of the
        operations that are not."""
        return self.strengths(alpha, space)

    def soft(self, alpha: Tensor, space: Space, clock: Clock, draw: Generator) -> Tensor:
        """softmax((alpha + G) / temperature) per edge, the relaxation whose gradient the gates have."""
        return rows_of(perturbed(alpha, draw) / self.temperature_at(clock), space.widths).softmax(dim=1)

    def temperature_at(self, clock: Clock) -> float:
        return clock.between(self.temperature, self.temperature_end)


def perturbed(alpha: Tensor, draw: Generator) -> Tensor:
    """alpha + G (d,), G Gumbel noise: the largest of an edge is there with the probabilities of softmax(alpha)."""
    noise = -torch.empty(alpha.shape, dtype=torch.float64).exponential_(generator=draw).log()
    return alpha + noise.to(alpha)


def one_hot(rows: Tensor) -> Tensor:
    """1 at the largest of every row (rows, widest), the first of equals, and 0 elsewhere."""
    return torch.zeros_like(rows).scatter_(1, rows.argmax(dim=1, keepdim=True), 1.0)
