"""Trials of strategies on NAS-Bench-201's choices, with made accuracies."""

from __future__ import annotations

import torch

from harness.core.rng import generator
from methods.strategies.strategy import History, flat
from spaces import SPACES

CHOICES = SPACES["nasbench201-table"].choices


def draw(step: int) -> torch.Generator:
    return generator(0, "test", step)


def history(codes, accuracies, epochs=None, width=6) -> History:
    count = len(accuracies)
    return History(
        torch.tensor(codes, dtype=torch.int64).view(count, width),
        torch.tensor(epochs or [0.0] * count, dtype=torch.float64),
        torch.tensor(accuracies, dtype=torch.float64),
    )


def worth(code) -> float:
    """A landscape with the optimum (3, 3, 3, 3, 3, 3)."""
    return 90 - sum(abs(option - 3) for option in code) - 0.1 * code[0]


def play(strategy, trials, choices=CHOICES, score=worth):
    """Every proposal and its accuracy, from an empty history on."""
    memory, codes, epochs, accuracies = strategy.start(choices, draw(10**6)), [], [], []
    for step in range(trials):
        so_far = history(codes, accuracies, epochs, len(flat(choices)))
        code, trained, memory = strategy.propose(choices, so_far, memory, draw(step))
        codes.append(list(code))
        epochs.append(float(trained))
        accuracies.append(score(code))
    return codes, epochs, accuracies, memory
