"""Hyperband and BOHB: successive halving over the length of training, with random or modelled proposals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.errors import HarnessError
from harness.core.settings import setting
from methods.strategies.strategy import Choices, Code, History, Memory, Proposal, flat, pick, uniform

LEAST = 1e-32
"""Of a density in a ratio of two (HpBandSter config_generators/bohb.py). One of two dozen choices is far below 1e-8."""


@dataclass(frozen=True)
class Hyperband:
    """R rungs of training, max_epochs / eta^(R-1), ..., max_epochs. Bracket i starts n genotypes at rung i mod R, and
    of each rung the best 1/eta go on to the next (HpBandSter optimizers/hyperband.py, iterations/successivehalving.py:
    n = floor(R / (s + 1)) eta^s with s = R - 1 - (i mod R)). One trial after the other."""

    eta: int = setting(3, "Hyperband, section 3.6; NAS-Bench-201: BOHB.py", minimum=2)
    min_epochs: float = setting(1.0, "choice; 12 on NAS-Bench-201 (BOHB.py)", minimum=1e-3)
    max_epochs: float = setting(9.0, "choice; 200 on NAS-Bench-201 (BOHB.py)", minimum=1e-3)

    def start(self, choices: Choices, draw: Generator) -> Memory:
        if self.max_epochs < self.min_epochs:
            raise HarnessError(f"max_epochs={self.max_epochs} is below min_epochs={self.min_epochs}.")
        return {}

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        epochs, promoted = self._next(history)
        return Proposal(promoted or self._fresh(choices, history, draw), epochs, memory)

    @property
    def rungs(self) -> list[float]:
        """The epochs of the rungs, ascending."""
        # The logarithm of a power of eta may fall short of its whole number by a rounding.
        count = math.floor(math.log(self.max_epochs / self.min_epochs) / math.log(self.eta) + 1e-9) + 1
        return [self.max_epochs / self.eta**i for i in reversed(range(count))]

    def bracket(self, number: int) -> list[tuple[float, int]]:
        """(epochs, trials) of each rung of a bracket."""
        rungs = self.rungs
        first = number % len(rungs)
        s = len(rungs) - 1 - first
        size = len(rungs) // (s + 1) * self.eta**s
        return [(epochs, size // self.eta**i) for i, epochs in enumerate(rungs[first:])]

    def _next(self, history: History) -> tuple[float, Code | None]:
        """The epochs of the next trial, and the genotype if it is a promoted one."""
        number = done = 0
        while True:
            below: range | None = None
            for epochs, trials in self.bracket(number):
                if len(history) < done + trials:
                    return epochs, None if below is None else self._promoted(history, below, len(history) - done)
                below = range(done, done + trials)
                done += trials
            number += 1

    def _promoted(self, history: History, below: range, place: int) -> Code:
        """The genotype with this place, from 0, among the trials of the rung below."""
        rung = history.where(torch.arange(below.start, below.stop))
        return tuple(rung.codes[rung.ranked[place]].tolist())

    def _fresh(self, choices: Choices, history: History, draw: Generator) -> Code:
        return uniform(choices, draw)


@dataclass(frozen=True)
class BOHB(Hyperband):
    """Fresh genotypes come from a model of the trials on the longest rung that has enough, for d choices d + 1 good and
    d + 1 others: two kernel densities, l of the good ones and g of the others, products of Aitchison-Aitken kernels. Of
    a few candidates near good trials the one with the largest l/g is tried (HpBandSter config_generators/bohb.py)."""

    top_percent: float = setting(15.0, "BOHB, section 4; never fewer than d + 1 trials", minimum=0, maximum=100)
    candidates: int = setting(4, "num_samples, NAS-Bench-201: BOHB.sh", minimum=1)
    random_fraction: float = setting(0.0, "NAS-Bench-201: BOHB.sh (BOHB's own default is 1/3)", minimum=0, maximum=1)
    min_bandwidth: float = setting(0.3, "NAS-Bench-201: BOHB.sh (BOHB's own default is 1e-3)", minimum=1e-9, maximum=1)

    def _fresh(self, choices: Choices, history: History, draw: Generator) -> Code:
        model = self._model(flat(choices), history)
        if model is None or float(torch.rand((), generator=draw)) < self.random_fraction:
            return uniform(choices, draw)
        good, bad = model
        drawn = torch.stack([good.near(draw) for _ in range(self.candidates)])
        ratio = good.density(drawn).clamp(min=LEAST) / bad.density(drawn).clamp(min=LEAST)
        return tuple(drawn[int(ratio.argmax())].tolist())

    def _model(self, sizes: list[int], history: History) -> tuple[Density, Density] | None:
        """The densities of good and bad trials, or None while there are too few."""
        fewest = len(sizes) + 1
        for epochs in reversed(self.rungs):
            rung = history.where(history.epochs == epochs)
            if len(rung) <= fewest:
                continue
            good = max(fewest, math.floor(self.top_percent * len(rung) / 100))
            bad = max(fewest, math.floor((100 - self.top_percent) * len(rung) / 100))
            ranked = rung.codes[rung.ranked]
            if min(good, len(ranked[good : good + bad])) > len(sizes):
                return self._density(ranked[:good], sizes), self._density(ranked[good : good + bad], sizes)
        return None

    def _density(self, points: Tensor, sizes: list[int]) -> Density:
        """The rule of thumb that HpBandSter takes from statsmodels, 1.06 std n^(-1/(4+d)) of the options' numbers; a
        kernel is flat from (k-1)/k on, so its bandwidth stops there (choice: theirs goes on, and turns negative)."""
        levels = torch.tensor(sizes, dtype=torch.float64)
        spread = points.double().std(dim=0, correction=0)
        width = 1.06 * spread * len(points) ** (-1 / (4 + len(sizes)))
        return Density(points, levels, width.clamp(min=self.min_bandwidth).minimum((levels - 1) / levels))


@dataclass(frozen=True)
class Density:
    """A product kernel density of categorical points (n, d) with `levels` options (d,) and a bandwidth each (d,)."""

    points: Tensor
    levels: Tensor
    bandwidth: Tensor

    def density(self, codes: Tensor) -> Tensor:
        """(m,) at codes (m, d)."""
        same = codes[:, None] == self.points
        elsewhere = self.bandwidth / (self.levels - 1).clamp(min=1)
        return torch.where(same, 1 - self.bandwidth, elsewhere).prod(dim=2).mean(dim=1)

    def near(self, draw: Generator) -> Tensor:
        """A random point, each of its options kept with probability 1 - bandwidth, else drawn uniformly (d,)."""
        point = self.points[pick(draw, len(self.points))]
        keep = torch.rand(len(point), generator=draw, dtype=torch.float64) < 1 - self.bandwidth
        drawn = (torch.rand(len(point), generator=draw, dtype=torch.float64) * self.levels).long()
        return torch.where(keep, point, drawn)
