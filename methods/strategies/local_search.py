"""Local search."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from methods.strategies.strategy import Choices, Code, History, Memory, Proposal, flat, from_queue, unseen


@dataclass(frozen=True)
class LocalSearch:
    """From a random genotype: all its neighbours are tried, in random order, and the best of them takes its place if it
    is better; in a local optimum it begins anew (White et al., "Local search is state of the art for NAS benchmarks",
    2020, Algorithm 1; naszilla nas_algorithms.py, local_search with query_full_nbhd; there a run begins with the best
    of 10 random ones, here with one, as in the paper: from memory, unchecked). What was tried is not tried again: of
    neighbours that were, the accuracies are known."""

    def start(self, choices: Choices, draw: Generator) -> Memory:
        """`queue` (k, choices), neighbours to be tried, and `centre` (0 or 1, choices), whose they are."""
        none = torch.zeros(0, len(flat(choices)), dtype=torch.int64)
        return {"queue": none, "centre": none}

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        while not len(memory["queue"]) and len(memory["centre"]):
            memory = self._moved(choices, history, memory, draw)
        return from_queue(memory) or self._begun(choices, history, draw)

    def _moved(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Memory:
        """After all neighbours were tried: with the best of them as the centre; without one in a local optimum."""
        centre: Code = tuple(memory["centre"][0].tolist())
        tried = [code for code in neighbours(choices, centre) if code in history.known]
        best = max(tried, key=lambda code: history.known[code], default=centre)
        if history.known[best] <= history.known[centre]:
            return self.start(choices, draw)
        return self._around(choices, history, best, draw)

    def _begun(self, choices: Choices, history: History, draw: Generator) -> Proposal:
        first = unseen(choices, history.known, draw)
        return Proposal(first, 0, self._around(choices, history, first, draw))

    def _around(self, choices: Choices, history: History, centre: Code, draw: Generator) -> Memory:
        new = [code for code in neighbours(choices, centre) if code not in history.known]
        queue = _codes(new, len(centre))
        return {"queue": queue[torch.randperm(len(queue), generator=draw)], "centre": _codes([centre], len(centre))}


def neighbours(choices: Choices, code: Code) -> list[Code]:
    """All genotypes that differ in one choice."""
    return [
        (*code[:place], option, *code[place + 1 :])
        for place, options in enumerate(flat(choices))
        for option in range(options)
        if option != code[place]
    ]


def _codes(codes: list[Code], width: int) -> Tensor:
    return torch.tensor(codes, dtype=torch.int64).view(len(codes), width)
