"""Simultaneous perturbation stochastic approximation."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.rule import Memory, Move
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class SPSA:
    """u* = -a_k g, g_i = [L(alpha + c_k D) - L(alpha - c_k D)] / (2 c_k D_i), with D_i = -1 or 1 at random: two losses
    per update, whatever the size of alpha. The gains fall: a_k = a / (A + k)^0.602 and c_k = c / k^0.101, k = 1, 2, ...

    Source: Spall, IEEE Transactions on Automatic Control 37 (1992); its gains, Spall, IEEE Transactions on Aerospace
    and Electronic Systems 34 (1998)."""

    spsa_a: float = setting(0.5, "a; choice", minimum=0)
    spsa_stability: float = setting(10.0, "A, Spall 1998: a tenth of the updates, or less", minimum=0)
    spsa_c: float = setting(0.1, "c; choice: as far as ZARTS-RS looks", minimum=1e-12)

    def start(self, alpha: Tensor) -> Memory:
        return {"updates": torch.zeros((), dtype=torch.float64)}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Generator) -> Move:
        k = float(memory["updates"]) + 1
        gain, distance = self.spsa_a / (self.spsa_stability + k) ** 0.602, self.spsa_c / k**0.101
        direction = (2 * torch.randint(2, alpha.shape, generator=draw) - 1).to(alpha)
        plus, minus = losses = oracle.losses(torch.stack([alpha + distance * direction, alpha - distance * direction]))
        gradient = (plus - minus) / (2 * distance) * direction  # 1 / D_i is D_i
        step = -gain * gradient.to(alpha)
        diagnostics = {"candidate_loss": losses.mean(), "gradient_norm": gradient.norm(), "step_norm": step.norm()}
        return Move(alpha + step, {"updates": memory["updates"] + 1}, diagnostics)
