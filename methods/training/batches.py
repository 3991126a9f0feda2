"""Which images are in which batch: a function of (seed, stream, step)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Generator, Tensor

from harness.core.rng import generator
from harness.core.types import Part, ReadsAhead

Batch = tuple[Tensor, Tensor]
Alter = Callable[[Tensor, Generator], Tensor]
"""Images (B, C, h, w), as a part of the data gives them, and the randomness of this batch -> what a network sees."""


def unaltered(images: Tensor, draw: Generator) -> Tensor:
    """The images as they are."""
    return images


class Order:
    """An endless, reshuffled pass over `count` rows. Batch k is batch k mod n of the pass k div n.

    The last batch of a pass may be smaller, nothing is dropped; but rows left over that are fewer than `least` join the
    batch before them, because batch norm cannot train on one value per channel.
    """

    def __init__(self, count: int, seed: int, stream: str, size: int, least: int = 2) -> None:
        self.count, self.seed, self.stream, self.size = count, seed, stream, size
        self.per_pass = max(1, -(-(count - least + 1) // size))
        self._order = lru_cache(maxsize=2)(self._shuffle)

    def _shuffle(self, number: int) -> Tensor:
        return torch.randperm(self.count, generator=generator(self.seed, f"{self.stream}/order", number))

    def at(self, step: int) -> Tensor:
        """The row numbers of batch number `step`."""
        number, index = divmod(step, self.per_pass)
        end = (index + 1) * self.size if index + 1 < self.per_pass else self.count
        return self._order(number)[index * self.size : end]


class Batches:
    """The batches of one part of the data, in this order, augmented, and altered."""

    def __init__(self, part: Part, seed: int, stream: str, size: int, alter: Alter = unaltered) -> None:
        self.part, self.seed, self.stream, self.alter = part, seed, stream, alter
        self.order = Order(len(part), seed, stream, size)
        self.per_pass = self.order.per_pass

    def at(self, step: int) -> Batch:
        """Batch number `step`, augmented; where the images are read from files, the next one is begun."""
        images, labels = self.part.batch(self.order.at(step), self._augment(step))
        if isinstance(self.part, ReadsAhead):
            self.part.expect(self.order.at(step + 1), self._augment(step + 1))
        return self.alter(images, generator(self.seed, f"{self.stream}/alter", step)), labels

    def _augment(self, step: int) -> Generator:
        return generator(self.seed, f"{self.stream}/augment", step)
