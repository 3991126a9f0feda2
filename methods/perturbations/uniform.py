"""SDARTS-RS: gates that are moved at random."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.perturbations.perturbation import Look
from methods.relaxations.relaxation import within
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class UniformNoise:
    """Random smoothing, SDARTS-RS: every gate moves by U(-epsilon, epsilon) (attacker/perturb.py:47-50)."""

    perturbation: float = setting(
        0.03, "SmoothDARTS sota/cnn/train_search.py:169-171: epsilon of the first epoch", minimum=0, maximum=1
    )
    perturbation_end: float = setting(
        0.3, "same place: what epsilon grows to, linearly; reached after the last epoch", minimum=0, maximum=1
    )

    def perturbed(self, gates: Tensor, widths: tuple[int, ...], look: Look, clock: Clock, draw: Generator) -> Tensor:
        epsilon = self.epsilon(clock)
        noise = torch.empty(gates.shape, dtype=torch.float64).uniform_(-epsilon, epsilon, generator=draw)
        return on_simplex(gates.detach() + noise.to(gates), widths)

    def epsilon(self, clock: Clock) -> float:
        return self.perturbation + (self.perturbation_end - self.perturbation) * clock.epoch / clock.epochs


def on_simplex(gates: Tensor, widths: tuple[int, ...]) -> Tensor:
    """Each row clipped to [0, 1] and scaled to the sum 1; a row of which nothing is left is 1 at its largest entry
    (SmoothDARTS sota/cnn/model_search.py:170-177). What is beyond a row's width becomes 0."""
    inside = within(widths, gates.device)
    clipped = gates.clamp(0, 1) * inside
    total = clipped.sum(dim=1, keepdim=True)
    largest = gates.masked_fill(~inside, -torch.inf).argmax(dim=1, keepdim=True)
    alone = torch.zeros_like(gates).scatter_(1, largest, 1.0)
    return torch.where(total > 0, clipped / total, alone)
