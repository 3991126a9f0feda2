"""Relaxations: how the logits alpha become gates on the operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from harness.settings import setting
from methods.schedules import Clock


class Relaxation(Protocol):
    def gates(self, alpha: Tensor, widths: tuple[int, ...], clock: Clock, draw: Generator) -> Tensor:
        """The gates (rows, max(widths)) for flat logits alpha (d,) whose row i has widths[i] entries. Padding is 0.
        `draw` is a CPU generator of this forward; all cells of a kind share what is drawn."""
        ...


@dataclass(frozen=True)
class Softmax:
    """One softmax over each edge's operations (DARTS, Eq. 2)."""

    def gates(self, alpha: Tensor, widths: tuple[int, ...], clock: Clock, draw: Generator) -> Tensor:
        return rows_of(alpha, widths).softmax(dim=1)


@dataclass(frozen=True)
class Gumbel:
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

    def gates(self, alpha: Tensor, widths: tuple[int, ...], clock: Clock, draw: Generator) -> Tensor:
        soft = self.soft(alpha, widths, clock, draw)
        hard = torch.zeros_like(soft).scatter_(1, soft.argmax(dim=1, keepdim=True), 1.0)
        return hard + (soft - soft.detach())  # in this order the values are exactly 0 and 1

    def soft(self, alpha: Tensor, widths: tuple[int, ...], clock: Clock, draw: Generator) -> Tensor:
        """softmax((alpha + G) / temperature) per edge, the relaxation whose gradient the gates have."""
        noise = -torch.empty(alpha.shape, dtype=torch.float64).exponential_(generator=draw).log()
        return rows_of((alpha + noise.to(alpha)) / self.temperature_at(clock), widths).softmax(dim=1)

    def temperature_at(self, clock: Clock) -> float:
        return self.temperature + (self.temperature_end - self.temperature) * clock.linear()


def rows_of(alpha: Tensor, widths: tuple[int, ...]) -> Tensor:
    """alpha (d,) as (rows, max(widths)), padded with -inf where an edge has fewer operations."""
    widest = max(widths)
    if min(widths) == widest:
        return alpha.view(len(widths), widest)
    return alpha.new_full((len(widths), widest), -torch.inf).masked_scatter(within(widths, alpha.device), alpha)


def within(widths: tuple[int, ...], device: torch.device) -> Tensor:
    """Which columns belong to which row: bool (rows, max(widths))."""
    return torch.arange(max(widths), device=device) < torch.tensor(widths, device=device)[:, None]
