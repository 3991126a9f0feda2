"""Regularised evolution."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator

from harness.core.settings import setting
from methods.strategies.strategy import Choices, History, Memory, Proposal, mutate, pick, uniform


@dataclass(frozen=True)
class Evolution:
    """The last P trials are the population: a child of the best of a random sample of them takes the place of the
    oldest (Real et al., Algorithm 1). The result is the best of the history."""

    population: int = setting(10, "P, NAS-Bench-201: scripts-search/NAS-Bench-201-algos/R-EA.sh", minimum=1)
    sample: int = setting(3, "S, same place: drawn with replacement; AmoebaNet has P = 100 and S = 25", minimum=1)

    def start(self, choices: Choices, draw: Generator) -> Memory:
        return {}

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        if len(history) < self.population:
            return Proposal(uniform(choices, draw), 0, memory)
        drawn = [len(history) - self.population + pick(draw, self.population) for _ in range(self.sample)]
        parent = max(drawn, key=lambda i: float(history.accuracies[i]))  # of equals the first that was drawn
        return Proposal(mutate(choices, history.codes[parent].tolist(), draw), 0, memory)
