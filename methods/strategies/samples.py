"""ENAS' choice: the best of what its controller samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Generator

from harness.core.errors import HarnessError
from methods.strategies.strategy import Choices, Code, History, Known, Memory, Proposal, Strategy


@dataclass(frozen=True)
class Samples:
    """Genotypes that alpha's relaxation samples, repeats allowed (ENAS, Pham et al., ICML 2018, section 2.2;
    AutoDL-Projects ENAS.py, get_best_arch). Goes with a relaxation whose samples are genotypes, as a controller's."""

    def start(self, choices: Choices, draw: Generator) -> Memory:
        raise HarnessError("the strategy samples goes by an alpha; it is one of searches with a supernet.")

    def informed(self, known: Known) -> Strategy:
        if known.sample is None:
            raise HarnessError(
                "the strategy samples tries what the method's relaxation draws, and that is no genotype; take another "
                "strategy, such as most-probable."
            )
        return _OfAlpha(known.sample)


@dataclass(frozen=True)
class _OfAlpha:
    """The strategy once there is an alpha."""

    sample: Callable[[Generator], Code]

    def start(self, choices: Choices, draw: Generator) -> Memory:
        return {}

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        return Proposal(self.sample(draw), 0, memory)
