"""What a rule is: how alpha moves, given an oracle."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from harness.core.types import Oracle
from methods.schedules.clock import Clock

Memory = dict[str, Tensor]
"""What a rule carries from one update to the next."""


class Move(NamedTuple):
    """An update of alpha (d,), the rule's memory after it, and scalars worth recording."""

    alpha: Tensor
    memory: Memory
    diagnostics: dict[str, Tensor]


class Rule(Protocol):
    def start(self, alpha: Tensor) -> Memory:
        """The memory before the first update."""
        ...

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Generator) -> Move:
        """One update from alpha (d,). All randomness comes from `draw`, a CPU generator of this update. Changes none
        of its arguments."""
        ...


def gradients_alone(rule: Rule) -> bool:
    """Whether a rule asks for gradients and compares no losses, so that what has no gradient does not move it."""
    return getattr(rule, "compares", True) is False


def normal(draw: Generator, rows: int, alpha: Tensor) -> Tensor:
    """(rows, d) standard normal directions on alpha's device; the same values on every device."""
    return torch.randn(rows, alpha.numel(), generator=draw, dtype=torch.float64).to(alpha)


def sphere(draw: Generator, rows: int, alpha: Tensor) -> Tensor:
    """(rows, d) directions, uniform on the unit sphere."""
    directions = normal(draw, rows, alpha)
    return directions / directions.norm(dim=1, keepdim=True)
