"""What a policy is: a relaxation that samples sub-networks, and knows how likely each is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from methods.relaxations.relaxation import NOTHING, Relaxation
from methods.schedules.clock import Clock
from spaces.space import Space


class Sample(NamedTuple):
    """A sub-network that was drawn."""

    gates: Tensor
    """(rows, widest): 1 at what runs, 0 elsewhere; without a graph."""
    log_probability: Tensor
    """That of drawing it, (), with a graph to alpha."""
    entropy: Tensor
    """Of the distributions that its decisions were drawn from, summed, ()."""


class Policy(Relaxation):
    """The base of the relaxations whose gates have no gradient: alpha learns from what samples are worth, by the
    gradient of their probability. Goes with the lookahead `reinforce`."""

    def sample(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Sample:
        """A sub-network from the distribution that alpha (d,) stands for; the arguments are those of `gates`."""
        raise NotImplementedError

    @torch.no_grad()
    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        return self.sample(alpha, space, clock, draw, memory).gates
