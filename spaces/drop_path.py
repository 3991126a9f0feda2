"""Drop-path: which samples lose the output of a path in a forward of training. Source: DARTS utils.py."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def path_factors(paths: int, x: Tensor, rate: float, draw: Generator | None) -> Tensor:
    """What the outputs of so many paths are multiplied with for a batch x (B, ...): (paths, B, 1, 1, 1), 0 with
    probability `rate`, else 1 / (1 - rate), for every path and sample. Raises ValueError without a generator."""
    if draw is None:
        raise ValueError("drop-path needs a generator")
    keep = 1 - rate
    uniform = torch.rand(paths, len(x), 1, 1, 1, generator=draw, device=draw.device).to(x.device)
    return (uniform < keep) / keep
