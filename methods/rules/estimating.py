"""What rules that estimate a gradient from losses have in common."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.core.types import Oracle
from methods.rules.rule import around, weighed


def forward_gradient(oracle: Oracle, alpha: Tensor, u: Tensor, distance: float) -> tuple[Tensor, Tensor]:
    """The mean over the rows of u (..., n, d) of [L(alpha + distance u_i) - L(alpha)] / distance u_i, (..., d), and the
    n + 1 losses that it is made of, that of alpha first: not a number where that one is not finite."""
    losses = oracle.losses(torch.cat([alpha[..., None, :], around(alpha, distance * u)], dim=-2))
    return _mean((losses[..., 1:] - losses[..., :1]).to(alpha) / distance, u, losses[..., :1]), losses


def central_gradient(oracle: Oracle, alpha: Tensor, u: Tensor, distance: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """The mean over the rows of u (..., n, d) of [L(alpha + distance u_i) - L(alpha - distance u_i)] / (2 distance) u_i
    (..., d), and the 2n losses that it is made of: not a number where none of them is finite. A distance of a search is
    (..., 1)."""
    moves = (distance[..., None] if isinstance(distance, Tensor) else distance) * u
    losses = oracle.losses(torch.cat([around(alpha, moves), around(alpha, -moves)], dim=-2))
    plus, minus = losses.chunk(2, dim=-1)
    return _mean((plus - minus).to(alpha) / (2 * distance), u, losses), losses


def _mean(slopes: Tensor, u: Tensor, needed: Tensor) -> Tensor:
    """The mean of slope_i u_i over the slopes that are finite, so that a diverged candidate leads nowhere; not a number
    where none of the needed losses is finite."""
    known = slopes.isfinite()
    mean = weighed(torch.where(known, slopes, 0.0), u) / known.sum(dim=-1, keepdim=True).clamp(min=1)
    return torch.where(needed.isfinite().any(dim=-1, keepdim=True), mean, torch.nan)


def of_losses(losses: Tensor) -> dict[str, Tensor]:
    """What every rule records of its candidates: the mean of their losses (..., n), and how far they lie apart."""
    return {"candidate_loss": losses.mean(dim=-1), "loss_spread": losses.amax(dim=-1) - losses.amin(dim=-1)}


def of_descent(step: Tensor, gradient: Tensor, losses: Tensor) -> dict[str, Tensor]:
    """What a rule records that steps along an estimated gradient."""
    return {**of_losses(losses), "gradient_norm": gradient.norm(dim=-1), "step_norm": step.norm(dim=-1)}
