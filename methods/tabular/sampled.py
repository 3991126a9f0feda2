"""An oracle that looks at single cells, drawn from what alpha makes of the edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor

from methods.lookaheads.lookahead import OfAlpha, cross_entropy_alone
from methods.tabular.looks import Looks, Purse


@dataclass(frozen=True)
class SampledOracle:
    """Unbiased estimates of L(alpha), the expected error, and of its gradient, from cells drawn with the chances of
    their operations. Every cell that is drawn is looked at, and paid for, as often as it is drawn."""

    looks: Looks
    seconds: Tensor
    """(C,) what a look at each cell is charged."""
    purse: Purse
    chances: Callable[[Tensor], Tensor]
    """alpha (d,) -> how likely each operation of every edge is (rows, widest), the same for the same alpha."""
    draws: int
    """Cells for a loss, or a gradient."""
    common: bool
    """Whether all that is asked in an update is asked with the same random numbers, so that candidates that make the
    same of them draw the same cells, and differ by what they differ in."""
    draw: Generator
    """Of this update."""
    objective: OfAlpha = cross_entropy_alone
    """What the method makes of the expected error, whose place the estimate takes: an expression that is linear in the
    error is estimated without bias too. The costs are those that are expected under the chances."""

    def losses(self, alphas: Tensor) -> Tensor:
        """An estimate for each row of alphas (n, d): (n,)."""
        chances = torch.stack([self.chances(alpha) for alpha in alphas])
        _, errors = self._look(chances)
        self.purse.cost.forwards += len(alphas)
        scored = zip(errors.mean(dim=1), alphas, chances, strict=True)
        return torch.stack([self.objective(*of_one) for of_one in scored])

    def gradient(self, alpha: Tensor) -> Tensor:
        """By the score function: the mean over the cells of (error - baseline) d log p(cell) / d alpha. The baseline is
        the mean error of the other cells, which leaves the estimate unbiased (Kool et al., Buy 4 REINFORCE Samples, Get
        a Baseline for Free, 2019: from memory, unchecked); a cell that is alone has none."""
        alpha = alpha.detach().requires_grad_()
        chances = self.chances(alpha)
        codes, errors = self._look(chances.detach()[None])
        self.purse.cost.forwards += 1
        self.purse.cost.backwards += 1
        others = (errors.sum() - errors[0]) / max(1, self.draws - 1)  # the sum of none is 0
        logs = chances.T.gather(0, codes[0]).log().sum(dim=1)
        surrogate = ((errors[0] - others) * logs).mean()
        loss = errors.mean() + (surrogate - surrogate.detach())
        (gradient,) = torch.autograd.grad(self.objective(loss, alpha, chances), alpha)
        return gradient

    def _look(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        """Cells drawn with chances (n, rows, widest): their codes (n, draws, rows), and errors as fractions (n,
        draws)."""
        numbers = self._common if self.common else self._uniform(len(chances))
        numbers = numbers.expand(len(chances), -1, -1)
        upto = chances.cumsum(dim=2)
        upto = upto / upto[:, :, -1:]  # of which the last is 1, above every number
        codes = torch.searchsorted(upto, numbers[:, :, :-1].mT.contiguous(), right=True).mT
        places = self.looks.places(codes)
        self.purse.pay(self.seconds[places.flatten()])
        return codes, 1 - self.looks.at(places, numbers[:, :, -1]) / 100

    @cached_property
    def _common(self) -> Tensor:
        return self._uniform(1)

    def _uniform(self, count: int) -> Tensor:
        """(count, draws, rows + 1): one for every edge of a cell, the last for the look's luck."""
        return torch.rand(count, self.draws, len(self.looks.sizes) + 1, generator=self.draw, dtype=torch.float64)
