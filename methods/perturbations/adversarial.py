"""SDARTS-ADV: gates that are moved to where the loss is high."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.perturbations.perturbation import Look
from methods.perturbations.uniform import UniformNoise, on_simplex
from methods.schedules.clock import Clock


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
