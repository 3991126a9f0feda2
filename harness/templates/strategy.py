"""A strategy: from the cells that were tried to the one that is tried next. This one climbs from the best.

harness run --plugin example_name.py --method example-name --space s1 --dataset digits --protocol smoke
"""

from dataclasses import dataclass

from torch import Generator

from harness.core.settings import setting
from methods.composition import BlackBox
from methods.strategies.strategy import Choices, History, Memory, Proposal, mutate, uniform


@dataclass(frozen=True)
class Climb:
    """Some random cells; from then on the best one so far with one choice changed."""

    # Each setting has a default, a source and a range; `--set first=20` changes it.
    first: int = setting(10, "choice: random cells to begin with", minimum=1)

    def start(self, choices: Choices, draw: Generator) -> Memory:
        """What it remembers besides the history: tensors by name. This one needs nothing."""
        return {}

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        """The next cell, as one option for each of `choices`; `draw` is all the randomness. The 0 leaves it to the
        evaluator for how many epochs a cell is trained."""
        if len(history) < self.first:
            return Proposal(uniform(choices, draw), 0, memory)
        best = history.codes[history.best].tolist()
        return Proposal(mutate(choices, best, draw), 0, memory)


STRATEGIES = {"example-name": Climb}
METHODS = {"example-name": BlackBox("climbs from the best cell so far", "choice", strategy="example-name")}
