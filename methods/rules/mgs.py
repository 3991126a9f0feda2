"""Maximum-likelihood guided parameter search, the rule of ZARTS-MGS (paper, Eq. 5-8; supplement, Eq. 7-9)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.rules.estimating import of_descent
from methods.rules.rule import Draw, Memory, Move, around, each, normal, weighed
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class MGS:
    """Importance sampling of the target p(u) ~ exp(-[L(alpha+u) - L(alpha)] / tau) from the proposal
    q(u) = (1-lambda) N(-g, sigma^2 I) + lambda N(0, sigma^2 I), with g the first-order gradient at alpha:
    u* = sum_i c_i u_i, c_i ~ exp(-L_i / tau) / q(u_i). L(alpha) cancels in c and is never evaluated.

    The weights c are computed in log space, in float64: at d = 196 the density's exponent averages -98 and its
    normaliser is e^543 and more, so the plain formula under- and overflows.
    """

    together: ClassVar[bool] = True
    samples: int = setting(4, "N, ZARTS supplement 2.2", minimum=1)
    sigma: float = setting(
        0.025, "ZARTS script/run_search*.sh, a standard deviation; 0.2 on S1-S4", minimum=1e-12, maximum=1e3
    )
    sigma_decay: str = setting("cosine", "ZARTS script/run_search*.sh", choices=("cosine", "none"))
    sigma_lag: int = setting(0, "epochs; 1 in the released code, train_search.py:259-260", minimum=0)
    tau: float = setting(0.01, "ZARTS script/run_search*.sh", minimum=1e-12)
    lam: float = setting(1e-3, "lambda, ZARTS train_search.py", minimum=0, maximum=1)
    proposal: str = setting(
        "mixture", "mixture: paper, supplement Eq. 8; sum: what train_search.py:365 draws", choices=("mixture", "sum")
    )
    weight_mode: str = setting(
        "exact",
        "exact: paper, Eq. 8 (choice, the released code differs); released: train_search.py:393-396; "
        "softmin: its limit, exp(-L/tau); unit_var: the density of the original MGS code, of unit variance",
        choices=("exact", "released", "softmin", "unit_var"),
    )

    def start(self, alpha: Tensor) -> Memory:
        return {}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        sigma = self.sigma_at(clock)
        gradient = oracle.gradient(alpha)
        u = self.propose(gradient, sigma, draw)
        losses = oracle.losses(around(alpha, u))
        log_c = self.log_weights(losses, u, gradient, sigma)
        step = weighed(log_c.exp(), u.double()).to(alpha)
        ess = torch.exp(-torch.logsumexp(2 * log_c, dim=-1))
        return Move(
            alpha + step,
            {},
            {
                **of_descent(step, gradient, losses),
                "ess": ess,
                "esr": ess / self.samples,
            },
        )

    def sigma_at(self, clock: Clock) -> float:
        return self.sigma * (clock.cosine(self.sigma_lag) if self.sigma_decay == "cosine" else 1.0)

    def propose(self, gradient: Tensor, sigma: float, draw: Draw) -> Tensor:
        """`samples` updates u (..., N, d) from the proposal."""
        noise = sigma * normal(draw, self.samples, gradient)
        if self.proposal == "sum":
            second = sigma * normal(draw, self.samples, gradient)
            return (1 - self.lam) * around(-gradient, noise) + self.lam * second
        chance = each(draw, lambda own: torch.rand(self.samples, 1, generator=own, dtype=torch.float64))
        return torch.where((chance < self.lam).to(gradient.device), noise, around(-gradient, noise))

    def log_weights(self, losses: Tensor, u: Tensor, gradient: Tensor, sigma: float) -> Tensor:
        """log c_i (..., N), float64, normalised: logsumexp is 0. A candidate whose loss is not finite has weight 0.

        losses (..., N), u (..., N, d), gradient (..., d).
        """
        losses = losses.double()
        target = torch.where(losses.isfinite(), -losses / self.tau, -torch.inf)
        log_c = target - self.log_density(u.double(), gradient.double(), sigma)
        return log_c - torch.logsumexp(log_c, dim=-1, keepdim=True)

    def log_density(self, u: Tensor, gradient: Tensor, sigma: float) -> Tensor:
        """log q(u_i) (..., N), float64, up to a constant for the modes that the paper does not state."""
        from_gradient = around(gradient, u).square().sum(dim=-1)
        from_zero = u.square().sum(dim=-1)
        if self.weight_mode == "softmin":
            return torch.zeros_like(from_zero)
        if self.weight_mode == "released":
            # As written there: the second exponent multiplies by the variance, and 1e-4 is added to the density.
            first = (1 - self.lam) * torch.exp(-from_gradient / (2 * sigma**2))
            return torch.log(first + self.lam * torch.exp(-from_zero * sigma**2 / 2) + 1e-4)
        if self.weight_mode == "unit_var":
            return torch.logaddexp(-from_gradient / 2, -from_zero / 2) - math.log(2)
        log_first = math.log1p(-self.lam) if self.lam < 1 else -math.inf
        log_second = math.log(self.lam) if self.lam > 0 else -math.inf
        normaliser = u.shape[-1] / 2 * math.log(2 * math.pi * sigma**2)
        mixture = torch.logaddexp(log_first - from_gradient / (2 * sigma**2), log_second - from_zero / (2 * sigma**2))
        return mixture - normaliser
