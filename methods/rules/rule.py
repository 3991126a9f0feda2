"""What a rule is: how alpha moves, given an oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from harness.core.types import Oracle
from methods.schedules.clock import Clock

Memory = dict[str, Tensor]
"""What a rule carries from one update to the next."""


class Move(NamedTuple):
    """An update of alpha (d,), the rule's memory after it, and scalars worth recording."""

    alpha: Tensor
    memory: Memory
    diagnostics: dict[str, Tensor]


Draw = Generator | Sequence[Generator]
"""A generator; or one for each of several searches that a rule moves together."""


class Rule(Protocol):
    """How alpha moves. A rule with the attribute `together = True` also moves the alphas of several searches, of shape
    (searches, d), each as if it were alone, to the bit: the memory's tensors are stacked likewise, diagnostics are
    (searches,), `draw` has a generator for each, and the oracle takes (searches, d) for a gradient, and candidates
    (searches, n, d)."""

    def start(self, alpha: Tensor) -> Memory:
        """The memory before the first update."""
        ...

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Generator) -> Move:
        """One update from alpha (d,). All randomness comes from `draw`, a CPU generator of this update. Changes none
        of its arguments."""
        ...


def gradients_alone(rule: Rule) -> bool:
    """Whether a rule asks for gradients and compares no losses, so that what has no gradient does not move it."""
    return getattr(rule, "compares", True) is False


def each(draw: Draw, make: Callable[[Generator], Tensor]) -> Tensor:
    """What is made of the generator; of several, stacked."""
    return make(draw) if isinstance(draw, Generator) else torch.stack([make(own) for own in draw])


def normal(draw: Draw, rows: int, alpha: Tensor) -> Tensor:
    """(..., rows, d) standard normal directions on alpha's device; the same values on every device."""
    size = alpha.shape[-1]
    return each(draw, lambda own: torch.randn(rows, size, generator=own, dtype=torch.float64)).to(alpha)


def sphere(draw: Draw, rows: int, alpha: Tensor) -> Tensor:
    """(..., rows, d) directions, uniform on the unit sphere."""
    directions = normal(draw, rows, alpha)
    return directions / directions.norm(dim=-1, keepdim=True)


def around(alpha: Tensor, moves: Tensor) -> Tensor:
    """The candidates (..., n, d) that lie so from alpha (..., d)."""
    return alpha[..., None, :] + moves


def weighed(weights: Tensor, rows: Tensor) -> Tensor:
    """The sum of rows (..., n, d), each times its weight (..., n): in the same order for one search as for several, and
    one after the other, for products of matrices order their sums by shape and processor."""
    terms = (weights[..., None] * rows).unbind(-2)
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
