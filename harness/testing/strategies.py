"""What every strategy owes its users, seen on trials with made accuracies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.core.rng import generator
from harness.testing.requirement import require
from harness.testing.states import equal
from methods.strategies.strategy import History, Proposal, Strategy, flat
from spaces import SPACES

TRIALS = 20
CHOICES = SPACES["s1"].choices


def proposes_cells(strategy: Strategy) -> None:
    """One option for each choice, from the first trial on, and a memory of tensors."""
    _walk(strategy)


def draws_from_its_generator(strategy: Strategy) -> None:
    """The same generator makes the same proposals, whatever torch's own is at."""
    walks: list[Any] = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            walks.append([list(proposal.code) for proposal in _walk(strategy)])
    require(walks[0] == walks[1], "two walks with the same draws differ; draw from the generator that is given")


def changes_none_of_its_arguments(strategy: Strategy) -> None:
    proposals = _walk(strategy)
    history, memory = _history(proposals), proposals[-1].memory
    before = history.codes.clone(), {name: value.clone() for name, value in memory.items()}
    strategy.propose(CHOICES, history, memory, generator(0, "strategy", TRIALS))
    require(equal(before[0], history.codes), "it changes the history that it is given")
    require(equal(before[1], memory), "it changes the memory that it is given; return a new one")


def agrees_with(strategy: Strategy, reference: Strategy) -> None:
    """The proposals of a walk are those of a plain strategy that draws the same."""
    for number, (ours, plain) in enumerate(zip(_walk(strategy), _walk(reference), strict=True), start=1):
        require(tuple(ours.code) == tuple(plain.code), f"trial {number} is another one than the plain reference's")


CHECKS: Mapping[str, Callable[[Strategy], None]] = {
    "proposes cells": proposes_cells,
    "draws from its generator": draws_from_its_generator,
    "changes no argument": changes_none_of_its_arguments,
}
"""In words, what a strategy is held to."""


def _walk(strategy: Strategy) -> list[Proposal]:
    """Some proposals, each made after the ones before it were tried."""
    memory, proposals = strategy.start(CHOICES, generator(0, "strategy/start")), list[Proposal]()
    for number in range(TRIALS):
        draw = generator(0, "strategy", number)
        proposals.append(strategy.propose(CHOICES, _history(proposals), memory, draw))
        _require_proposal(proposals[-1])
        memory = proposals[-1].memory
    return proposals


def _require_proposal(proposal: Proposal) -> None:
    sizes = flat(CHOICES)
    fits = isinstance(proposal, Sequence) and len(proposal) == len(Proposal._fields)
    require(fits, f"it proposes a {type(proposal).__name__}, not a Proposal of code, epochs and memory")
    code, epochs, memory = proposal
    require(len(code) == len(sizes), f"it proposes {len(code)} options, and there are {len(sizes)} choices")
    for option, options in zip(code, sizes, strict=True):
        known = type(option) is int and 0 <= option < options
        require(known, f"it proposes option {option!r}, where a choice has options 0 to {options - 1}")
    require(epochs >= 0, f"it proposes a training of {epochs} epochs")
    tensors = isinstance(memory, dict) and all(isinstance(value, Tensor) for value in memory.values())
    require(tensors, "its memory is no dict of tensors")


def _history(proposals: Sequence[Proposal]) -> History:
    """The trials of these proposals; an accuracy is made of the code."""
    codes = torch.tensor([list(p.code) for p in proposals], dtype=torch.int64).view(-1, len(flat(CHOICES)))
    epochs = torch.tensor([float(p.epochs) for p in proposals], dtype=torch.float64)
    weights = torch.arange(1, codes.shape[1] + 1, dtype=torch.float64)
    return History(codes, epochs, 50 + 40 * torch.sin(codes.double() @ weights))
