"""What a ranking is: how a search after training scores a candidate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Generator, Tensor

from harness.core.types import Cost, Part
from methods.training.batches import Batches
from methods.training.weights import FlatModel


@dataclass(frozen=True)
class Trained:
    """A trained supernet, and what its candidates are scored on."""

    model: FlatModel
    """A copy of the supernet that is the candidate's own: statistics and gradients may change, and are forgotten."""
    train: Callable[[str, int], Batches]
    """Batches of the weights' images, augmented, by the name of a stream and the number of images in a batch."""
    valid: Part
    """alpha's images."""
    seed: int
    noise: Callable[[str, int], Generator]
    """For noise operations, by the name of a forward and a number."""
    cost: Cost
    """What scoring spends is entered here."""


class Ranking(Protocol):
    @property
    def ranked(self) -> int:
        """How many candidates are scored in all; one that is scored again counts again."""
        ...

    @property
    def most_macs(self) -> float:
        """How many multiply-accumulates the final network of a candidate may have, in millions; 0: any number."""
        ...

    @property
    def words(self) -> str:
        """How a score is got, for result.json: of what, on what, and from where batch norm has its statistics."""
        ...

    def score(self, at: Trained, gates: Tensor, number: int, epochs: float) -> float:
        """Of candidate `number`, from 0, the supernet at these gates; the larger the better. `epochs` is what the
        strategy asks for: passes over alpha's images; 0: as the ranking has it."""
        ...
