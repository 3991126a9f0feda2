"""A rule: how alpha moves, given an oracle. This one is gradient descent with heavy-ball momentum.

harness run --plugin example_name.py --method example-name --space s1 --dataset digits --protocol smoke
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from harness.core.types import Oracle
from methods.composition import Composition
from methods.rules.rule import Memory, Move
from methods.schedules.clock import Clock


@dataclass(frozen=True)
class Momentum:
    """velocity = momentum * velocity - lr * gradient; alpha = alpha + velocity (Polyak, 1964)."""

    # Each setting has a default, a source and a range; `--set alpha_lr=0.1` changes it.
    alpha_lr: float = setting(0.05, "choice", minimum=0)
    alpha_momentum: float = setting(0.9, "choice", minimum=0, maximum=1)

    def start(self, alpha: Tensor) -> Memory:
        """All that the rule remembers: tensors by name, saved with the search and loaded when it is resumed."""
        return {"velocity": torch.zeros_like(alpha)}

    def step(self, alpha: Tensor, oracle: Oracle, memory: Memory, clock: Clock, draw: Generator) -> Move:
        """One update of alpha (d,). `oracle.gradient(alpha)` (d,) and `oracle.losses(alphas)`, (n, d) to (n,), are all
        that is known of the objective; `draw` is all the randomness; `clock` says which epoch it is."""
        gradient = oracle.gradient(alpha)
        velocity = self.alpha_momentum * memory["velocity"] - self.alpha_lr * gradient
        # The new alpha, the new memory, and numbers for the records.
        return Move(alpha + velocity, {"velocity": velocity}, {"gradient_norm": gradient.norm()})


RULES = {"example-name": Momentum}
METHODS = {
    "example-name": Composition(
        "descent with momentum at the current weights", "Polyak, 1964", rule="example-name", lookahead="first-order"
    )
}
