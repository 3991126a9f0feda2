"""DrNAS' relaxation: the gates of an edge are drawn from a Dirichlet distribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.autograd.function import once_differentiable

from methods.relaxations.relaxation import NOTHING, Relaxation, rows_of, within
from methods.schedules.clock import Clock
from spaces.space import Space

TRIES = 16
"""At a Gamma variate. Each is accepted with a probability of 0.95 at least, so that about one of 10^21 fails."""


@dataclass(frozen=True)
class Dirichlet(Relaxation):
    """Gates ~ Dirichlet(b) per edge, b = elu(alpha) + 1, with the pathwise gradient (DrNAS, Chen et al., ICLR 2021).
    All operations run. Cells are derived from the mean, b / sum b.

    The noise is drawn anew for every forward, validation's too, and does not depend on alpha: candidates that share it
    have gates that differ as they do.
    """

    def strengths(self, alpha: Tensor, space: Space, memory: Mapping[str, Tensor] = NOTHING) -> Tensor:
        concentration = self.concentration(alpha, space)
        return concentration / concentration.sum(dim=1, keepdim=True)

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        logs = log_gamma_variates(_shapes(alpha.detach()), draw)
        drawn: Tensor = _Pathwise.apply(self.concentration(alpha, space), rows_of(logs, space.widths).softmax(dim=1))
        return drawn

    def concentration(self, alpha: Tensor, space: Space) -> Tensor:
        """b of every operation (rows, widest). Padding is 0."""
        return rows_of(_shapes(alpha), space.widths).where(within(space.widths, alpha.device), 0.0)


def _shapes(alpha: Tensor) -> Tensor:
    """elu(alpha) + 1, with all digits where it is small."""
    return torch.where(alpha > 0, alpha + 1, alpha.where(alpha <= 0, 0.0).exp())


def log_gamma_variates(shapes: Tensor, draw: Generator) -> Tensor:
    """The logarithms of Gamma variates with these shape parameters (n,) > 0 and the scale 1 (Marsaglia & Tsang, 2000):
    of G(shape + 1), by rejection, times U^(1/shape). The noise that `draw`, a CPU generator, makes of them is the same
    whatever the shapes."""
    noise = torch.randn(TRIES, len(shapes), dtype=torch.float64, generator=draw).to(shapes)
    uniform = 1 - torch.rand(TRIES + 1, len(shapes), dtype=torch.float64, generator=draw).to(shapes)
    d = shapes + (1 - 1 / 3)
    v = (1 + noise / (9 * d).sqrt()) ** 3
    positive = v > 0
    log_v = v.where(positive, 1.0).log()
    accepted = positive & (uniform[1:].log() < noise.square() / 2 + d * (1 - v + log_v))
    first = accepted.int().argmax(dim=0, keepdim=True)
    return d.log() + log_v.gather(0, first)[0] + uniform[0].log() / shapes


class _Pathwise(torch.autograd.Function):
    """A Dirichlet sample (rows, widest) as a function of its concentration, by implicit reparameterisation: what
    torch.distributions.Dirichlet.rsample does, for a sample that is given."""

    @staticmethod
    def forward(ctx: Any, concentration: Tensor, sample: Tensor) -> Tensor:
        ctx.save_for_backward(concentration, sample)
        return sample.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        concentration, sample = ctx.saved_tensors
        total = concentration.sum(dim=1, keepdim=True).expand_as(concentration)
        padded = concentration == 0
        slope = torch._dirichlet_grad(sample, concentration.masked_fill(padded, 1.0), total)
        centred = gradient - (sample * gradient).sum(dim=1, keepdim=True)
        return (slope * centred).masked_fill(padded, 0.0), None
