"""CMA-ES: a normal distribution whose mean, step size and covariance follow the candidates that rank best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.settings import setting
from harness.core.types import Oracle
from methods.products import product
from methods.rules.cma_constants import Constants, diagonal, full
from methods.rules.estimating import of_losses
from methods.rules.rule import Draw, Memory, Move, around, normal, weighed
from methods.schedules.clock import Clock

SMALLEST = 1e-8
"""What an eigenvalue that rounding made negative counts as, and what keeps a length of zero from dividing."""


@dataclass(frozen=True)
class CMA:
    """Candidates alpha + sigma y_i, y_i ~ N(0, C); alpha is the mean. Hansen, arXiv:1604.00772, Eq. 38-47 with
    negative weights for the worse half; above `full_up_to` entries of alpha C is a diagonal (Ros & Hansen, PPSN 2008).

    Samples are made with the symmetric root of C, so that turned draws on a turned loss make a turned search. All of
    it is float64."""

    together: ClassVar[bool] = True
    cma_sigma: float = setting(0.03, "sigma at the start; choice: steps about as long as GLD's", minimum=1e-12)
    cma_population: int = setting(0, "lambda; 0: 4 + floor(3 ln d), arXiv:1604.00772, Eq. 48", minimum=0)
    full_up_to: int = setting(100, "the largest d with a full covariance; choice", minimum=0)

    def constants(self, size: int, whole: bool) -> Constants:
        """For an alpha of so many entries, and a covariance that is whole, or a diagonal. Raises HarnessError for a
        population of one."""
        population = self.cma_population or 4 + math.floor(3 * math.log(size))
        if population < 2:
            raise HarnessError("cma_population=1 leaves nothing to rank; give 2 or more, or 0 for the default.")
        return (full if whole else diagonal)(size, population)

    def start(self, alpha: Tensor) -> Memory:
        size, mean = alpha.numel(), alpha.double()
        return {
            "covariance": torch.diag(torch.ones_like(mean)) if size <= self.full_up_to else torch.ones_like(mean),
            "sigma": mean.new_tensor(self.cma_sigma),
            "sigma_path": torch.zeros_like(mean),
            "covariance_path": torch.zeros_like(mean),
            "updates": mean.new_zeros(()),
        }

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Draw) -> Move:
        mean, covariance = alpha.double(), memory["covariance"]
        # Not by the size: alpha gets smaller where a schedule drops operations, and a diagonal stays one.
        constants = self.constants(alpha.shape[-1], whole=covariance.dim() > alpha.dim())
        white = normal(draw, constants.population, mean)
        y = root(covariance, white)
        losses = oracle.losses(around(mean, memory["sigma"][..., None, None] * y).to(alpha))
        # Equals stay in the order of their draws, and what is not finite comes last.
        order = torch.where(losses.isfinite(), losses, torch.inf).argsort(stable=True)[..., None]
        step, after = tell(constants, memory, y.take_along_dim(order, dim=-2), white.take_along_dim(order, dim=-2))
        step = torch.where(losses.isfinite().any(dim=-1, keepdim=True), step, torch.nan).to(alpha)
        seen = {**of_losses(losses), "sigma": after["sigma"].clone(), "step_norm": step.norm(dim=-1)}
        return Move(alpha + step, after, seen)


def root(covariance: Tensor, white: Tensor) -> Tensor:
    """C^(1/2) z for each row of z (..., n, d), C (..., d, d), or (..., d) for a diagonal."""
    if covariance.dim() < white.dim():
        return white * covariance.clamp(min=SMALLEST).sqrt()[..., None, :]
    values, vectors = torch.linalg.eigh(covariance)
    return product(white, product(vectors * values.clamp(min=SMALLEST).sqrt()[..., None, :], vectors.mT))


def tell(constants: Constants, memory: Memory, y: Tensor, white: Tensor) -> tuple[Tensor, Memory]:
    """The step of the mean (..., d), and the memory after it, for y and z = C^(-1/2) y (..., lambda, d), the best
    first."""
    c, size = constants, y.shape[-1]
    weights = y.new_tensor(c.weights)
    positive = weights.clamp(min=0)
    mean, mean_white = weighed(positive, y), weighed(positive, white)
    updates = memory["updates"] + 1
    sigma_path = (1 - c.c_sigma) * memory["sigma_path"] + math.sqrt(c.c_sigma * (2 - c.c_sigma) * c.mu_eff) * mean_white
    length, expected = sigma_path.norm(dim=-1), math.sqrt(size) * (1 - 1 / (4 * size) + 1 / (21 * size**2))
    sigma = memory["sigma"] * torch.exp(c.c_sigma / c.d_sigma * (length / expected - 1))
    # The path of the covariance stalls while the step size grows quickly.
    settled = 1 - (1 - c.c_sigma) ** (2 * (updates + 1))
    steady = (length / settled.sqrt() < (1.4 + 2 / (size + 1)) * expected).double()[..., None]
    path = (1 - c.c_c) * memory["covariance_path"] + steady * math.sqrt(c.c_c * (2 - c.c_c) * c.mu_eff) * mean
    # A bad candidate counts as if it were of the expected length.
    lengths = white.square().sum(dim=-1)
    signed = torch.where(weights >= 0, weights, weights * size / (lengths + SMALLEST))[..., None]
    kept = 1 + c.c_1 * (1 - steady) * c.c_c * (2 - c.c_c) - c.c_1 - c.c_mu * sum(c.weights)
    if memory["covariance"].dim() < y.dim():
        covariance = kept * memory["covariance"] + c.c_1 * path.square() + c.c_mu * weighed(signed[..., 0], y.square())
    else:
        one = path[..., None] * path[..., None, :]
        covariance = kept[..., None] * memory["covariance"] + (c.c_1 * one + c.c_mu * product((signed * y).mT, y))
    after = {
        "covariance": covariance,
        "sigma": sigma,
        "sigma_path": sigma_path,
        "covariance_path": path,
        "updates": updates,
    }
    return memory["sigma"][..., None] * mean, after
