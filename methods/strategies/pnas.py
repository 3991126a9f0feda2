"""PNAS: cells are grown node by node, in a beam that a surrogate ranks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, product

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.strategies.predictor import Surrogate
from methods.strategies.strategy import TRIES, Choices, Code, History, Memory, Proposal, flat, from_queue, unseen


@dataclass(frozen=True, kw_only=True)
class Pnas(Surrogate):
    """Progressive search (Liu et al., ECCV 2018, Algorithm 1; from memory, unchecked). All cells of one node are tried;
    then those that were tried last are expanded by every next node, the surrogate is fitted to all trials, each member
    to another 4/5 of them, and the `beam` best by its mean are tried; and so on, node after node.

    In the paper a cell of b blocks is a network. In these spaces a genotype is a choice at every node, so a cell with b
    nodes decided (choice) is tried with the others drawn uniformly, whatever of them was not tried before, and is
    predicted with open choices at their mean. An edge without operation in their place would leave nothing to compare:
    the last node of NAS-Bench-201 is the output. Nodes are decided in their order, those of the normal cell before
    those of the reduction cell, of which PNAS has one. At the last node the beam stays, and the next best
    are tried, with a new fit after each `beam` of them, for as long as the search goes on (choice: PNAS ends)."""

    beam: int = setting(256, "K, PNAS, section 5.2 (from memory, unchecked)", minimum=1)

    def start(self, choices: Choices, draw: Generator) -> Memory:
        """`queue` (k, choices): genotypes to be tried; `beam` (b, c): the first c choices of cells that they expand;
        `since` (): how many trials there were before them."""
        return {
            "queue": torch.zeros(0, len(flat(choices)), dtype=torch.int64),
            "beam": torch.zeros(1, 0, dtype=torch.int64),
            "since": torch.zeros((), dtype=torch.int64),
        }

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        if not len(memory["queue"]):
            memory = self._expanded(choices, history, memory, draw)
        return from_queue(memory) or Proposal(unseen(choices, history.known, draw), 0, memory)

    def _expanded(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Memory:
        sizes, ends = flat(choices), list(accumulate(map(len, choices)))
        beam = memory["beam"]
        if len(history):
            grown = history.codes[int(memory["since"]) :, : _next(beam.shape[1], ends)]
            beam = grown if grown.shape[1] < len(sizes) else beam
        node = choices[ends.index(_next(beam.shape[1], ends))]
        cells = _untried(expansions(beam, node), history)
        best = cells[self._ranked(cells, history, draw, sizes)] if len(history) else cells
        queue = _completed(best, sizes, history, draw)
        return {"queue": queue, "beam": beam, "since": torch.tensor(len(history))}

    def _ranked(self, cells: Tensor, history: History, draw: Generator, sizes: list[int]) -> Tensor:
        """The places of the best cells by the surrogate's mean, at most `beam`."""
        shares = _folds(self.members, len(history), draw)
        predictor = self.fit(history.codes, history.accuracies, shares, draw, sizes)
        open_choices = cells.new_full((len(cells), len(sizes) - cells.shape[1]), -1)
        means = predictor(torch.cat([cells, open_choices], dim=1)).mean(dim=0)
        return means.argsort(descending=True, stable=True)[: self.beam]


def expansions(beam: Tensor, node: tuple[int, ...]) -> Tensor:
    """Every cell (b, c) of the beam, each once, with every choice of a next node: (n, c + choices of the node)."""
    cells = torch.tensor(sorted(set(map(tuple, beam.tolist()))), dtype=torch.int64)
    options = torch.tensor(list(product(*map(range, node))), dtype=torch.int64)
    return torch.cat([cells.repeat_interleave(len(options), dim=0), options.repeat(len(cells), 1)], dim=1)


def _next(decided: int, ends: list[int]) -> int:
    """How many choices are decided with one node more."""
    return next(end for end in ends if end > decided)


def _folds(members: int, trials: int, draw: Generator) -> Tensor:
    """(members, trials): each member leaves out another of as many parts, drawn at random; none where that would leave
    one without any."""
    parts = torch.randperm(trials, generator=draw) % members
    shares = (parts != torch.arange(members)[:, None]).double()
    return shares if bool(shares.any(dim=1).all()) else torch.ones_like(shares)


def _untried(cells: Tensor, history: History) -> Tensor:
    """Without those whole ones that were tried."""
    if cells.shape[1] < history.codes.shape[1]:
        return cells
    kept = [i for i, code in enumerate(cells.tolist()) if tuple(code) not in history.known]
    return cells[kept]


def _completed(cells: Tensor, sizes: list[int], history: History, draw: Generator) -> Tensor:
    """The cells (n, c) with uniform draws for the choices that are open, (n, choices)."""
    completed = [_completion(tuple(cell), sizes, history, draw) for cell in cells.tolist()]
    return torch.tensor(completed, dtype=torch.int64).view(len(cells), len(sizes))


def _completion(cell: Code, sizes: list[int], history: History, draw: Generator) -> Code:
    """One that was not tried, unless so many draws give none."""
    for _ in range(TRIES):
        drawn = tuple(int(torch.randint(size, (), generator=draw)) for size in sizes[len(cell) :])
        if (*cell, *drawn) not in history.known:
            break
    return (*cell, *drawn)
