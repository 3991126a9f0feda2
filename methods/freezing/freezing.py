"""What a freezing is: which operations' weights stay as they are from some weight step on.

An operation is one candidate on one edge of one cell, so that the cells of a kind are told apart. What is frozen keeps
its place in the supernet: alpha still moves, batch norms still count, and candidates that are fine-tuned on copies of
the supernet may still move it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Memory = Mapping[str, Tensor]
"""What a freezing carries through a search, one entry per operation (operations,); empty at the start. It is part of
the search's state, and goes with the operations where some are dropped."""
Agreement = Callable[[], Tensor]
"""How far the training batch and one of alpha's agree on the weights of each operation: the cosine (operations,),
float64, between the gradients of their losses, nan where one of them is 0. Costs as many passes as the weight step."""


class Freezing:
    """The base of the frozen dataclasses that say so."""

    def before_step(self, memory: Memory, agreement: Agreement) -> Memory:
        """What is carried on, given what can be measured before a weight step; changes none of its arguments."""
        return memory

    def frozen(self, memory: Memory) -> Tensor | None:
        """Which operations a weight step leaves alone: bool (operations,). None where that is none, ever."""
        return None

    def shown(self, memory: Memory) -> dict[str, Any]:
        """What the record of an epoch shows of it, as JSON has it."""
        return {}


@dataclass(frozen=True)
class Trained(Freezing):
    """All weights are trained to the end."""
