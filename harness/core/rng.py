"""Randomness as a function of (seed, stream, step).

No generator is ever consumed in order: whoever needs random numbers for step t of a stream asks for the generator of
that step, so a run that resumes at step t draws what a run that never stopped would have drawn, and a new stream (a new
method, a new diagnostic) changes none of the others.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


MOST_SEED = 2**63 - 1


def seed_of(seed: int, stream: str, step: int = 0) -> int:
    """A 63-bit integer that depends on all three arguments and on nothing else."""
    digest = hashlib.blake2b(f"{seed}/{stream}/{step}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, stream: str, step: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator for this step of this stream."""
    import torch

    return torch.Generator(device=device).manual_seed(seed_of(seed, stream, step))
