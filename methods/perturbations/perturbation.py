"""Perturbations: what the gates of a weight step become, so that the weights suit other gates than the current ones.

SmoothDARTS (Chen & Hsieh, ICML 2020) trains the weights under gates moved within a box of radius epsilon around
p = softmax(alpha), back on the simplex; the loss is then flat where the cell is derived. alpha's own steps, and
validation, see p. The radius grows linearly over the epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Generator, Tensor

from methods.schedules.clock import Clock
from methods.training.weights import PassResult

Look = Callable[[Tensor, bool], PassResult]
"""(gates (rows, widest), whether their gradient is wanted) -> the pass of the weight step's batch with these gates, in
eval mode, with the running statistics. What noise operations draw is the same in all passes of a step (choice)."""


class Perturbation(Protocol):
    def perturbed(self, gates: Tensor, widths: tuple[int, ...], look: Look, clock: Clock, draw: Generator) -> Tensor:
        """The gates of a weight step in place of `gates` (rows, widest), of whose row i the first widths[i] count; no
        graph. `draw` is a CPU generator of this step."""
        ...


@dataclass(frozen=True)
class Unperturbed:
    """The weights are trained at the current gates."""

    def perturbed(self, gates: Tensor, widths: tuple[int, ...], look: Look, clock: Clock, draw: Generator) -> Tensor:
        return gates
