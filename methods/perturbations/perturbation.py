"""Perturbations: what the gates of a weight step become, so that the weights suit other gates than the current ones.

SmoothDARTS (Chen & Hsieh, ICML 2020) trains the weights under gates moved within a box of radius epsilon around
p = softmax(alpha), back on the simplex; the loss is then flat where the cell is derived. alpha's own steps, and
validation, see p. The radius grows linearly over the epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.relaxations.relaxation import within
from methods.schedules.schedule import Clock
from methods.training.weights import Passed

Look = Callable[[Tensor, bool], Passed]
"""(gates (rows, widest), whether their gradient is wanted) -> the pass of the weight step's batch with these gates, in
eval mode, with the running statistics. What noise operations draw is the same in all passes of a step (choice)."""


class Perturbation(Protocol):
    def perturbed(self, gates: Tensor, widths: tuple[int, ...], look: Look, clock: Clock, draw: Generator) -> Tensor:
        """The gates of a weight step in place of `gates` (rows, widest), of whose row i the first widths[i] count; no
        graph. `draw` is a CPU generator of this step."""
        ...


@dataclass(frozen=True)
class Unperturbed:
    """The weights are trained at the current gates."""

    def perturbed(self, gates: Tensor, widths: tuple[int, ...], look: Look, clock: Clock, draw: Generator) -> Tensor:
        return gates


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


@dataclass(frozen=True)
class Adversarial(UniformNoise):
    """SDARTS-ADV: from a random start in the box, steps of 2 epsilon / `attack_steps` along the sign of the gradient of
    the training loss, each back into the box and onto the simplex; the gates stay where they were if that does not
    raise the loss (attacker/perturb.py:11-44). A weight step costs `attack_steps` gradients and two losses more."""

    attack_steps: int = setting(7, "SmoothDARTS attacker/perturb.py:11", minimum=1)

    def perturbed(self, gates: Tensor, widths: tuple[int, ...], look: Look, clock: Clock, draw: Generator) -> Tensor:
        gates, epsilon = gates.detach(), self.epsilon(clock)
        moved = super().perturbed(gates, widths, look, clock, draw)
        for _ in range(self.attack_steps):
            gradient = look(moved, True).of_gates
            assert gradient is not None
            away = moved + 2 * epsilon / self.attack_steps * gradient.sign() - gates
            moved = on_simplex(gates + away.clamp(-epsilon, epsilon), widths)
        return torch.where(look(moved, False).loss > look(gates, False).loss, moved, gates)


def on_simplex(gates: Tensor, widths: tuple[int, ...]) -> Tensor:
    """Each row clipped to [0, 1] and scaled to the sum 1; a row of which nothing is left is 1 at its largest entry
    (SmoothDARTS sota/cnn/model_search.py:170-177). What is beyond a row's width becomes 0."""
    inside = within(widths, gates.device)
    clipped = gates.clamp(0, 1) * inside
    total = clipped.sum(dim=1, keepdim=True)
    largest = gates.masked_fill(~inside, -torch.inf).argmax(dim=1, keepdim=True)
    alone = torch.zeros_like(gates).scatter_(1, largest, 1.0)
    return torch.where(total > 0, clipped / total, alone)
