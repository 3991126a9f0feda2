"""What a strategy is: from all that was tried so far to what is tried next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

Choices = tuple[tuple[int, ...], ...]
"""As `Space.choices`: per node, how many options each of its choices has."""
Memory = dict[str, Tensor]
"""What a strategy carries from one proposal to the next, besides the history."""
Code = tuple[int, ...]
"""One option per choice."""
TRIES = 100
"""Draws for a genotype that was not tried yet, before one is taken that was."""


@dataclass(frozen=True)
class History:
    """The n trials so far, in order."""

    codes: Tensor
    """(n, choices) int64"""
    epochs: Tensor
    """(n,) float64: what each was asked to be trained for; 0 where that was the evaluator's own affair."""
    accuracies: Tensor
    """(n,) float64, validation, percent."""

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def ranked(self) -> list[int]:
        """The trials from the best to the worst, the earlier one first among equals."""
        return self.accuracies.argsort(descending=True, stable=True).tolist()

    @cached_property
    def known(self) -> Mapping[Code, float]:
        """The accuracy of each genotype that was tried, of its last trial."""
        codes: list[list[int]] = self.codes.tolist()
        return dict(zip(map(tuple, codes), self.accuracies.tolist(), strict=True))

    def where(self, chosen: Tensor) -> History:
        """The trials that a mask (n,) or their numbers choose."""
        return History(self.codes[chosen], self.epochs[chosen], self.accuracies[chosen])

    @property
    def best(self) -> int:
        """The most accurate trial among those trained longest; of equals the first (HpBandSter, `get_incumbent_id`)."""
        longest = self.epochs == self.epochs.max()
        return int(self.accuracies.where(longest, -torch.inf).argmax())


class Proposal(NamedTuple):
    """What to try next, for how many epochs (0: the evaluator's own), and the memory after it."""

    code: Code
    epochs: float
    memory: Memory


@dataclass(frozen=True)
class Known:
    """What a search after training knows besides the trials."""

    trials: int
    """How many there are to be."""
    legal: Callable[[Code], bool]
    """Whether a genotype may be tried: it is a network, and within the limits. One that is not is passed over, and the
    next proposal is asked for with the memory after it."""
    log_probabilities: Callable[[], Sequence[Tensor]]
    """Of every node, how probable alpha makes each of its options, the product of the options of its choices in
    order: logarithms up to a constant, (options,) float64."""
    sample: Callable[[Generator], Code] | None = None
    """A genotype that alpha's relaxation draws; None where what it draws is none."""


@runtime_checkable
class Informed(Protocol):
    """A strategy that goes by what is known, too. It is one of a search after training alone, unless it is a strategy
    without that."""

    def informed(self, known: Known) -> Strategy:
        """The strategy that does; asked for when a search is made, and again whenever it goes on. Raises HarnessError
        where the settings do not go with that."""
        ...


class Strategy(Protocol):
    def start(self, choices: Choices, draw: Generator) -> Memory:
        """The memory before the first proposal."""
        ...

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        """All randomness comes from `draw`, a generator of this proposal. Changes none of its arguments."""
        ...


def flat(choices: Choices) -> list[int]:
    """How many options each choice has, all nodes' in a row."""
    return [options for node in choices for options in node]


def pick(draw: Generator, options: int) -> int:
    """One of `options`, uniformly."""
    return int(torch.randint(options, (), generator=draw))


def uniform(choices: Choices, draw: Generator) -> Code:
    """A uniformly random genotype."""
    return tuple(pick(draw, options) for options in flat(choices))


def unseen(choices: Choices, known: Collection[Code], draw: Generator) -> Code:
    """A uniformly random genotype that is none of the known ones, unless so many draws give none: where the space is
    used up, repeats are allowed."""
    for _ in range(TRIES):
        code = uniform(choices, draw)
        if code not in known:
            break
    return code


def from_queue(memory: Memory) -> Proposal | None:
    """The first of the genotypes in `queue` (k, choices), and the memory without it; None where there is none."""
    queue = memory["queue"]
    return Proposal(tuple(queue[0].tolist()), 0, {**memory, "queue": queue[1:]}) if len(queue) else None


def other(draw: Generator, options: int, current: int) -> int:
    """One of the options but the current one, uniformly."""
    return (current + 1 + pick(draw, options - 1)) % options


def mutate(choices: Choices, code: Sequence[int], draw: Generator) -> Code:
    """Another option for one choice of one node, all drawn uniformly (AutoDL-Projects R_EA.py:134-147: a node, one of
    its edges, another operation). In the DARTS family a node chooses its pair of inputs and two operations (choice)."""
    sizes = flat(choices)
    starts = [sum(map(len, choices[:node])) for node in range(len(choices))]
    node = pick(draw, len(choices))
    open_choices = [starts[node] + i for i, options in enumerate(choices[node]) if options > 1]
    changed = open_choices[pick(draw, len(open_choices))]
    child = list(code)
    child[changed] = other(draw, sizes[changed], child[changed])
    return tuple(child)
