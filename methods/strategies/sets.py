"""RSPS' choice: the best of sets of random genotypes, tried again at length."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from harness.core.errors import HarnessError
from harness.core.settings import setting
from methods.strategies.strategy import Choices, History, Known, Memory, Proposal, Strategy, uniform


@dataclass(frozen=True)
class Sets:
    """Sets of uniformly random genotypes, repeats allowed. The best of each set are tried once more, for longer, and
    the best of these of all sets is found (random search with parameter sharing, Li & Talwalkar, UAI 2019;
    randomNAS_release searchers/random_weight_share.py:81-115)."""

    set_size: int = setting(1000, "RSPS random_weight_share.py; AutoDL-Projects RANDOM-NAS.sh: 100", minimum=1)
    finalists: int = setting(10, "of a set; RSPS random_weight_share.py; AutoDL-Projects: none", minimum=0)
    final_epochs: float = setting(
        1.0,
        "RSPS: all validation images; with shared weights passes over these, else epochs of training",
        minimum=1e-3,
    )

    def start(self, choices: Choices, draw: Generator) -> Memory:
        if self.finalists > self.set_size:
            raise HarnessError(f"finalists={self.finalists} is more than set_size={self.set_size}; set it lower.")
        return {}

    def informed(self, known: Known) -> Strategy:
        if known.trials % self._round:
            raise HarnessError(
                f"{known.trials} trials end before the finalists of a set have been tried; give a multiple of set_size "
                f"+ finalists = {self._round}."
            )
        return self

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        place = len(history) % self._round
        if place < self.set_size:
            return Proposal(uniform(choices, draw), 0, memory)
        first = len(history) - place
        members = history.where(torch.arange(first, first + self.set_size))
        finalist = members.codes[members.ranked[place - self.set_size]]
        return Proposal(tuple(finalist.tolist()), self.final_epochs, memory)

    @property
    def _round(self) -> int:
        """The trials of a set and of its finalists."""
        return self.set_size + self.finalists
