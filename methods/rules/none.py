"""The rule of methods without an alpha."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator, Tensor

from harness.core.types import Oracle
from methods.rules.rule import Memory, Move
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class NoRule:
    """alpha stays where it is, and nothing is asked. Goes with the schedule weights-only."""

    def start(self, alpha: Tensor) -> Memory:
        return {}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Generator) -> Move:
        return Move(alpha, memory, {})
