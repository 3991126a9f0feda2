"""BANANAS and NPENAS: mutations of the best trials, of which a surrogate chooses those to try."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, repeat

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.strategies.predictor import Surrogate
from methods.strategies.strategy import Choices, Code, History, Memory, Proposal, flat, from_queue, mutate, unseen


@dataclass(frozen=True, kw_only=True)
class Npenas(Surrogate):
    """Evolution guided by a predictor, NPENAS-NP (Wei et al. 2020; NPENASv1 nas_lib/algos/predictor.py): the ensemble
    is fitted anew to all trials, and of mutations of the best ones those with the best mean prediction are tried, one
    after the other. The paper's predictor is a graph network; here it is the ensemble of `Surrogate` (choice)."""

    initial: int = setting(
        10, "uniformly random trials; naszilla nas_algorithms.py, NPENASv1 predictor.py: 10", minimum=2
    )
    every: int = setting(10, "k, trials between two fits; same places: 10", minimum=1)
    candidates: int = setting(100, "mutations to choose from; same places: 100", minimum=1)
    parents: int = setting(50, "NPENASv1 data_nasbench_201.py, num_best_arches x patience_factor: at most", minimum=1)

    def start(self, choices: Choices, draw: Generator) -> Memory:
        """`queue` (k, choices): what is left of the last choice."""
        return {"queue": torch.zeros(0, len(flat(choices)), dtype=torch.int64)}

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        if len(history) >= self.initial and not len(memory["queue"]):
            memory = {"queue": self._chosen(choices, history, draw)}
        return from_queue(memory) or Proposal(unseen(choices, history.known, draw), 0, memory)

    def acquisition(self, predictions: Tensor, draw: Generator) -> Tensor:
        """By which candidates are chosen, (n,), the largest first: the mean of the predictions (members, n)."""
        return predictions.mean(dim=0)

    def _chosen(self, choices: Choices, history: History, draw: Generator) -> Tensor:
        found = self._mutations(choices, history, draw)
        if not found:
            return torch.zeros(0, history.codes.shape[1], dtype=torch.int64)
        everything = torch.ones(self.members, len(history), dtype=torch.float64)
        predictor = self.fit(history.codes, history.accuracies, everything, draw, flat(choices))
        drawn = torch.tensor(found)
        values = self.acquisition(predictor(drawn), draw)
        return drawn[values.argsort(descending=True, stable=True)[: self.every]]

    def _mutations(self, choices: Choices, history: History, draw: Generator) -> list[Code]:
        """Different ones, none of them tried before: of the best trial, and of the next ones while there are fewer than
        `candidates`. Each is mutated so many times at most."""
        best = [history.codes[i].tolist() for i in history.ranked[: self.parents]]
        found: dict[Code, None] = {}
        for parent in chain.from_iterable(repeat(code, self.candidates) for code in best):
            if len(found) == self.candidates:
                break
            child = mutate(choices, parent, draw)
            if child not in history.known:
                found[child] = None
        return list(found)


@dataclass(frozen=True, kw_only=True)
class Bananas(Npenas):
    """BANANAS (White et al., AAAI 2021; naszilla nas_algorithms.py, acquisition_functions.py): as NPENAS, but
    candidates are chosen by independent Thompson sampling. The paper encodes paths; here codes are one-hot (choice)."""

    parents: int = setting(5, "naszilla nas_benchmarks.py, num_arches_to_mutate x patience_factor: at most", minimum=1)

    def acquisition(self, predictions: Tensor, draw: Generator) -> Tensor:
        """A sample for each candidate of its own normal distribution, with the mean and the standard deviation (over
        the members, not corrected for their number) of the predictions (members, n)."""
        deviations = predictions.std(dim=0, correction=0)
        return predictions.mean(dim=0) + deviations * torch.randn(len(deviations), generator=draw, dtype=torch.float64)
