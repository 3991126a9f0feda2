"""What every operation owes its users."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from harness.testing.requirement import require
from spaces.operations import Build, apply


def keeps_channels_and_divides_sides(build: Build) -> None:
    """It maps (B, C, H, W) to (B, C, H/stride, W/stride), finite, whether its batch norms are affine or not."""
    for stride in (1, 2):
        for affine in (True, False):
            torch.manual_seed(0)
            draw = torch.Generator().manual_seed(0)
            x = torch.randn(2, 4, 8, 8, generator=draw)
            given = f"(2, 4, 8, 8) and a stride of {stride}"
            out = apply(build(4, stride, affine), x, draw)
            side = 8 // stride
            require(out.shape == (2, 4, side, side), f"of {given} it makes {tuple(out.shape)}")
            require(bool(out.isfinite().all()), f"of {given} it makes values that are not finite")


def repeats_itself(build: Build) -> None:
    """It draws from the generator that it is given, if it draws at all."""
    torch.manual_seed(0)
    operation, x = build(4, 1, False), torch.randn(2, 4, 8, 8)
    first, second = (apply(operation, x, torch.Generator().manual_seed(0)) for _ in range(2))
    require(torch.equal(first, second), "two forwards of one state differ; be a `Drawing` and use the given generator")


CHECKS: Mapping[str, Callable[[Build], None]] = {
    "keeps channels and divides sides": keeps_channels_and_divides_sides,
    "repeats itself": repeats_itself,
}
"""In words, what an operation is held to."""
