"""The constants of CMA-ES as functions of the dimension and the population."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Constants:
    weights: tuple[float, ...]
    """Of the candidates, the best first: those of the better half are positive, and sum to 1."""
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float

    @property
    def population(self) -> int:
        return len(self.weights)


def full(size: int, population: int) -> Constants:
    """Hansen, arXiv:1604.00772, Table 1, Eq. 49-58, with alpha_cov = 2."""
    raw = [math.log((population + 1) / 2) - math.log(i) for i in range(1, population + 1)]
    better, worse = raw[: population // 2], raw[population // 2 :]
    mu_eff, mu_eff_worse = _effective(better), _effective(worse)
    c_1 = 2 / ((size + 1.3) ** 2 + mu_eff)
    c_mu = min(1 - c_1 - 1e-8, 2 * (mu_eff - 2 + 1 / mu_eff) / ((size + 2) ** 2 + mu_eff))
    most = 1 + 2 * mu_eff_worse / (mu_eff + 2)
    if c_mu > 0:  # two or three candidates have one that is better, and c_mu is 0
        most = min(most, 1 + c_1 / c_mu, (1 - c_1 - c_mu) / (size * c_mu))
    up, down = sum(weight for weight in raw if weight > 0), -sum(weight for weight in raw if weight < 0)
    return Constants(
        weights=tuple(weight / up if weight >= 0 else most * weight / down for weight in raw),
        mu_eff=mu_eff,
        c_sigma=(mu_eff + 2) / (size + mu_eff + 5),
        d_sigma=_damping(size, mu_eff, (mu_eff + 2) / (size + mu_eff + 5)),
        c_c=(4 + mu_eff / size) / (size + 4 + 2 * mu_eff / size),
        c_1=c_1,
        c_mu=c_mu,
    )


def diagonal(size: int, population: int) -> Constants:
    """Ros & Hansen, PPSN 2008, with separate c_1 and c_mu and without negative weights, as the package cmaes has it
    (_sepcma.py): c_mu may be larger, for a diagonal has less to learn."""
    half = population // 2
    raw = [math.log(half + 1) - math.log(i) for i in range(1, half + 1)]
    mu_eff = _effective(raw)
    c_mu = 2 / mu_eff / (size + math.sqrt(2)) ** 2
    c_mu += (1 - 1 / mu_eff) * min(1, (2 * mu_eff - 1) / ((size + 2) ** 2 + mu_eff))
    c_sigma = (mu_eff + 2) / (size + mu_eff + 3)
    return Constants(
        weights=(*(weight / sum(raw) for weight in raw), *[0.0] * (population - half)),
        mu_eff=mu_eff,
        c_sigma=c_sigma,
        d_sigma=_damping(size, mu_eff, c_sigma),
        c_c=4 / (size + 4),
        c_1=2 / ((size + 1.3) ** 2 + mu_eff),
        c_mu=(size + 2) / 3 * c_mu,
    )


def _effective(weights: list[float]) -> float:
    """How many equal weights these are worth."""
    return sum(weights) ** 2 / sum(weight**2 for weight in weights)


def _damping(size: int, mu_eff: float, c_sigma: float) -> float:
    return 1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (size + 1)) - 1) + c_sigma
