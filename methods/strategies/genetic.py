"""SPOS' genetic algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from harness.core.errors import HarnessError
from harness.core.settings import setting
from methods.strategies.strategy import (
    Choices,
    Code,
    History,
    Known,
    Memory,
    Proposal,
    Strategy,
    flat,
    from_queue,
    pick,
    uniform,
)

PATIENCE = 10
"""Tries for each child that is wanted of mutation, and of crossover (SPOS Search/search.py)."""
RANDOM_TRIES = 10_000
"""Draws for a random genotype, before there is taken to be none; SPOS draws on for ever."""


def any_code(code: Code) -> bool:
    """Nothing is ruled out."""
    return True


@dataclass(frozen=True)
class Genetic:
    """Generations of mutants of the best so far, of crossovers of them, and of random genotypes for what is left; none
    is tried twice (SPOS, Guo et al., ECCV 2020; Search/search.py:96-234). The best by accuracy alone: SPOS goes by the
    top-5 error where the top-1 errors are equal (choice).

    SPOS tries one generation more than it has, 21 of 50, and never looks at it; here it is not tried, and what is found
    is the same."""

    population: int = setting(50, "SPOS Search/search.py", minimum=1)
    parents: int = setting(10, "SPOS Search/search.py: the best of all generations", minimum=1)
    mutants: int = setting(25, "SPOS Search/search.py", minimum=0)
    mutation_rate: float = setting(0.1, "SPOS Search/search.py: every choice is drawn anew", minimum=0, maximum=1)
    crossovers: int = setting(25, "SPOS Search/search.py: every choice is one of two parents'", minimum=0)
    legal: Callable[[Code], bool] = field(default=any_code, repr=False)
    """What may be tried at all."""

    def start(self, choices: Choices, draw: Generator) -> Memory:
        """`queue` (k, choices): what is left of the generation."""
        if self.mutants + self.crossovers > self.population:
            raise HarnessError(
                f"mutants={self.mutants} and crossovers={self.crossovers} are more than population={self.population}; "
                "set them lower."
            )
        return {"queue": torch.zeros(0, len(flat(choices)), dtype=torch.int64)}

    def informed(self, known: Known) -> Strategy:
        return replace(self, legal=known.legal)

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        proposal = from_queue(memory) or from_queue({"queue": self._generation(choices, history, draw)})
        if proposal is None:
            raise HarnessError(
                f"after {len(history)} trials no other genotype is found that may be tried; ask for fewer."
            )
        return proposal

    def _generation(self, choices: Choices, history: History, draw: Generator) -> Tensor:
        """(k, choices), at most `population`."""
        sizes = flat(choices)
        best: list[Code] = [tuple(history.codes[i].tolist()) for i in history.ranked[: self.parents]]
        children: dict[Code, None] = {}

        def breed(child: Callable[[], Code], count: int, tries: int) -> None:
            wanted = len(children) + count
            for _ in range(tries):
                if len(children) == wanted:
                    break
                code = child()
                if code not in history.known and code not in children and self.legal(code):
                    children[code] = None

        if best:
            breed(lambda: mutant(best, sizes, self.mutation_rate, draw), self.mutants, PATIENCE * self.mutants)
            breed(lambda: crossover(best, draw), self.crossovers, PATIENCE * self.crossovers)
        while (before := len(children)) < self.population:
            breed(lambda: uniform(choices, draw), 1, RANDOM_TRIES)
            if len(children) == before:
                break
        return torch.tensor(list(children), dtype=torch.int64).view(len(children), len(sizes))


def mutant(parents: list[Code], sizes: list[int], rate: float, draw: Generator) -> Code:
    """One of the parents, every choice of which is drawn anew with this probability; it may be drawn as it was."""
    parent = parents[pick(draw, len(parents))]
    anew = (torch.rand(len(sizes), generator=draw, dtype=torch.float64) < rate).tolist()
    return tuple(pick(draw, size) if changes else old for old, size, changes in zip(parent, sizes, anew, strict=True))


def crossover(parents: list[Code], draw: Generator) -> Code:
    """Every choice that of one of two parents, which may be the same."""
    one, other = (parents[pick(draw, len(parents))] for _ in range(2))
    return tuple((a, b)[pick(draw, 2)] for a, b in zip(one, other, strict=True))
