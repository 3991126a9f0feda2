"""One path of every edge, whatever alpha's own gates are."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator, Tensor

from methods.relaxations.gumbel import one_hot, perturbed
from methods.samplers.sampler import Position, Sampler


@dataclass(frozen=True)
class Sampled(Sampler):
    """One operation per edge, drawn in proportion to the strengths, softmax(alpha) mostly (ProxylessNAS, Cai et al.,
    ICLR 2019, section 3.2.1; search/modules/mix_op.py). With alpha as it begins that is nearly uniform. What did
    not run is left alone: there the gradients of its parameters are None."""

    @property
    def spares_others(self) -> bool:
        return True

    def gates(self, number: int, at: Position, draw: Generator) -> Tensor:
        strengths = at.relaxation.strengths(at.alpha, at.space, at.carried).detach()
        return one_hot(perturbed(strengths.log(), draw))
