"""Random search."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator

from methods.strategies.strategy import Choices, History, Memory, Proposal, uniform


@dataclass(frozen=True)
class Random:
    """Uniformly random genotypes; repeats are allowed."""

    def start(self, choices: Choices, draw: Generator) -> Memory:
        return {}

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        return Proposal(uniform(choices, draw), 0, memory)
