"""Which images are in which batch: a function of (seed, stream, step)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from harness.rng import generator
from harness.types import Part

Batch = tuple[Tensor, Tensor]


class Batches:
    """An endless, reshuffled pass over one part of the data. Batch k is batch k mod n of the pass k div n; the last
    batch of a pass may be smaller, nothing is dropped."""

    def __init__(self, part: Part, seed: int, stream: str, size: int) -> None:
        self.part, self.seed, self.stream, self.size = part, seed, stream, size
        self.per_pass = -(-len(part) // size)
        self._order = lru_cache(maxsize=2)(self._shuffle)

    def _shuffle(self, number: int) -> Tensor:
        draw = generator(self.seed, f"{self.stream}/order", number)
        return torch.randperm(len(self.part), generator=draw)

    def at(self, step: int) -> Batch:
        """Batch number `step`, augmented."""
        number, index = divmod(step, self.per_pass)
        chosen = self._order(number)[index * self.size : (index + 1) * self.size]
        return self.part.batch(chosen, generator(self.seed, f"{self.stream}/augment", step))
