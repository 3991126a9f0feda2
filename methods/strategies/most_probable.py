"""SETN's choice: the genotypes that alpha holds for the most probable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import torch
from torch import Generator, Tensor

from harness.core.errors import HarnessError
from harness.core.settings import setting
from methods.strategies.strategy import TRIES, Choices, Code, History, Known, Memory, Proposal, Strategy


@dataclass(frozen=True)
class MostProbable:
    """The most probable genotypes under alpha, one after the other, where they can be enumerated (AutoDL-Projects
    search_model_setn.py, return_topK); else different samples of alpha (SETN, Dong & Yang, ICCV 2019). A genotype is as
    probable as the product of its operations' strengths; of equals the one with the smaller options comes first."""

    enumerable: int = setting(
        100_000, "genotypes, in larger spaces they are sampled; choice: NAS-Bench-201 has 15,625", minimum=1
    )

    def start(self, choices: Choices, draw: Generator) -> Memory:
        raise HarnessError("the strategy most-probable goes by an alpha; it is one of searches with a supernet.")

    def informed(self, known: Known) -> Strategy:
        return ByAlpha(self.enumerable, known)


@dataclass(frozen=True)
class ByAlpha:
    """The strategy once there is an alpha."""

    enumerable: int
    known: Known

    def start(self, choices: Choices, draw: Generator) -> Memory:
        """`passed` (): how many of the enumerated ones were proposed."""
        return {"passed": torch.zeros((), dtype=torch.int64)}

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        if math.prod(options for node in choices for options in node) > self.enumerable:
            return Proposal(self._sample(choices, history, draw), 0, memory)
        passed = int(memory["passed"])
        if passed == len(self._order):
            raise HarnessError(f"there are no more than {len(history)} genotypes that may be tried; ask for fewer.")
        code = code_of(int(self._order[passed]), choices)
        return Proposal(code, 0, {"passed": memory["passed"] + 1})

    @cached_property
    def _order(self) -> Tensor:
        """The numbers of all genotypes, as `code_of` has them, from the most probable."""
        total = torch.zeros(1, dtype=torch.float64)
        for node in self.known.log_probabilities():
            total = (total[:, None] + node).flatten()
        return total.argsort(descending=True, stable=True)

    def _sample(self, choices: Choices, history: History, draw: Generator) -> Code:
        """One that was not tried, unless so many draws give none."""
        nodes = [node.softmax(dim=0) for node in self.known.log_probabilities()]
        for _ in range(TRIES):
            numbers = [int(torch.multinomial(node, 1, generator=draw)) for node in nodes]
            code = tuple(chain.from_iterable(map(options_of, numbers, choices)))
            if code not in history.known:
                break
        return code


def options_of(number: int, sizes: Sequence[int]) -> Code:
    """The entry with this number of the product of choices of these sizes, the last choice counting fastest."""
    options = []
    for size in reversed(sizes):
        number, option = divmod(number, size)
        options.append(option)
    return tuple(reversed(options))


def code_of(number: int, choices: Choices) -> Code:
    """The genotype with this number."""
    return options_of(number, [options for node in choices for options in node])
