"""What a search on a table is told of a cell it looks at, and who pays for the look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.genotype import PARAMETERLESS
from harness.core.rng import generator
from harness.core.settings import setting
from harness.core.types import CHARGED, Cost
from harness.tables.ground_truth import Grid
from methods.search.metering import UsedUp
from methods.tabular.data import TableData
from methods.tabular.proxy import distorted
from spaces import Space


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a search asks a table: the settings that all families have alike."""

    oracle: str = setting(
        "exact",
        "exact: the mean over the trainings' seeds, at an alpha its expectation over all cells; sampled: an alpha sees "
        "only the cells that it draws; noisy: so, and each look tells one training, of a seed at random; proxy: as "
        "exact, of accuracies in the order that shared weights might give them (choice)",
        choices=("exact", "sampled", "noisy", "proxy"),
        omit_default=True,
    )
    proxy_tau: float = setting(
        0.5,
        "Kendall's tau of the proxy with the table (choice)",
        minimum=0,
        maximum=0.99,
        omit_default=True,
    )
    proxy_bias: float = setting(
        0.5,
        "how much the proxy favours pools and skips, as shared weights do: their share in the variance of its error; "
        "the rest is independent from cell to cell (choice)",
        minimum=0,
        maximum=1,
        omit_default=True,
    )

    @property
    def charged(self) -> bool:
        """Whether every cell that is looked at is charged, in either family."""
        return self.oracle in CHARGED


@dataclass(frozen=True)
class Looks:
    """What looks at single cells tell, by a cell's place in the flattened grid of C cells."""

    told: Tensor
    """(most, C) float64, accuracies in percent: what different looks at a cell tell, each as likely as the others."""
    counts: Tensor
    """(C,) int64: how many of them there are, the first ones of a column."""
    sizes: tuple[int, ...]
    """The options of every choice, the axes of the grid."""

    def places(self, codes: Tensor) -> Tensor:
        """(...) of codes (..., choices)."""
        strides = np.cumprod([1, *self.sizes[:0:-1]])[::-1].copy()
        return (codes * torch.from_numpy(strides)).sum(dim=-1)

    def at(self, places: Tensor, luck: Tensor) -> Tensor:
        """The accuracies that looks at these places tell, by uniform numbers in [0, 1) of the same shape."""
        return self.told[(luck * self.counts[places]).long(), places]

    def errors(self) -> Tensor:
        """The expected errors, fractions, on the grid."""
        known = torch.arange(len(self.told))[:, None] < self.counts
        mean = self.told.where(known, 0.0).sum(dim=0) / self.counts
        return 1 - mean.view(self.sizes) / 100


@dataclass(frozen=True)
class Purse:
    """Pays for looks. Raises UsedUp, paying nothing, for those that would go beyond a limit."""

    cost: Cost
    seconds: float
    """Simulated, in all; 0: no limit."""
    evaluations: int | None

    def pay(self, seconds: Tensor) -> None:
        """For one look after the other, each of so many seconds."""
        spent = self.cost.simulated_seconds + float(seconds.sum())
        if self.evaluations is not None and self.cost.evaluations + len(seconds) > self.evaluations:
            raise UsedUp("evaluations", f"a budget of {self.evaluations} evaluations")
        if self.seconds and spent > self.seconds:
            raise UsedUp("simulated seconds", f"simulated_seconds={self.seconds:g}")
        self.cost.simulated_seconds = spent
        self.cost.evaluations += len(seconds)


def looks(asked: Asked, epochs: int, data: TableData, space: Space, seed: int) -> Looks:
    """At the cells' training for so many epochs. Raises HarnessError where the table does not have what is asked."""
    mean = data.validation(epochs)
    told = mean[None]
    if asked.oracle == "noisy":
        trials = data.trials(epochs)
        missing = np.isnan(trials)
        told = np.take_along_axis(trials, missing.argsort(axis=0, kind="stable"), axis=0)
    if asked.oracle == "proxy":
        count = _parameterless(space, mean.shape).ravel() if asked.proxy_bias else np.zeros(mean.size)
        noise = torch.randn(mean.size, generator=generator(seed, "proxy"), dtype=torch.float64).numpy()
        told = distorted(mean.ravel(), count, noise, asked.proxy_tau, asked.proxy_bias)
    flattened = torch.tensor(told.reshape(-1, mean.size))
    return Looks(flattened, (~flattened.isnan()).sum(dim=0), mean.shape)


def _parameterless(space: Space, sizes: tuple[int, ...]) -> Grid:
    """The number of operations without parameters in each cell of the grid, `none` not counted. Raises HarnessError
    for a space whose choices have none."""
    without = [np.array([name in PARAMETERLESS for name in edge.operations], dtype=np.float64) for edge in space.edges]
    if space.widths != sizes or not any(own.any() for own in without):
        raise HarnessError(
            "oracle=proxy favours operations without parameters by proxy_bias, and the choices of "
            f"{space.name} have none; set proxy_bias=0, or choose another oracle."
        )
    count: Grid = sum(np.ix_(*without), np.zeros(sizes))
    return count
