"""Which images are in which batch: a function of (seed, stream, step)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from harness.rng import generator
from harness.types import Part

Batch = tuple[Tensor, Tensor]


class Batches:
    """An endless, reshuffled pass over one part of the data. Batch k is batch k mod n of the pass k div n.

    The last batch of a pass may be smaller, nothing is dropped; but a single image left over joins the batch before
    it, because batch norm cannot train on one value per channel.
    """

    def __init__(self, part: Part, seed: int, stream: str, size: int) -> None:
        self.part, self.seed, self.stream, self.size = part, seed, stream, size
        self.per_pass = max(1, -(-(len(part) - 1) // size))
        self._order = lru_cache(maxsize=2)(self._shuffle)

    def _shuffle(self, number: int) -> Tensor:
        draw = generator(self.seed, f"{self.stream}/order", number)
        return torch.randperm(len(self.part), generator=draw)

    def at(self, step: int) -> Batch:
        """Batch number `step`, augmented."""
        number, index = divmod(step, self.per_pass)
        end = (index + 1) * self.size if index + 1 < self.per_pass else len(self.part)
        chosen = self._order(number)[index * self.size : end]
        return self.part.batch(chosen, generator(self.seed, f"{self.stream}/augment", step))
