"""REINFORCE on a table of logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.strategies.strategy import Choices, History, Memory, Proposal, flat


@dataclass(frozen=True)
class Reinforce:
    """Each choice is drawn from a softmax of its own logits. After a trial the logits take one step of Adam on
    -log p (R - b), with the accuracy in percent as reward R and its moving average as baseline b, which R has entered.
    The result is the best of what was drawn, not the mode."""

    policy_lr: float = setting(
        0.1,
        "of the grid in NAS-Bench-201: hps/GRID-RL.sh (choice: reproduces its published row; the 0.5 of its documented "
        "command does not)",
        minimum=0,
    )
    policy_beta1: float = setting(0.9, "torch.optim.Adam's default, as in reinforce.py", minimum=0, maximum=0.999999)
    policy_beta2: float = setting(0.999, "same place", minimum=0, maximum=0.999999)
    policy_eps: float = setting(1e-8, "same place", minimum=0)
    baseline_momentum: float = setting(
        0.9, "AutoDL-Projects reinforce.py; its bias is corrected", minimum=0, maximum=0.999999
    )

    def start(self, choices: Choices, draw: Generator) -> Memory:
        """Logits (choices, most options), 1e-3 N(0, 1), -inf where a choice has fewer options."""
        sizes = flat(choices)
        logits = 1e-3 * torch.randn(len(sizes), max(sizes), generator=draw, dtype=torch.float64)
        logits[torch.arange(max(sizes)) >= torch.tensor(sizes)[:, None]] = -torch.inf
        return {
            "logits": logits,
            "mean": torch.zeros_like(logits),
            "square": torch.zeros_like(logits),
            "baseline": torch.zeros((), dtype=torch.float64),
        }

    def propose(self, choices: Choices, history: History, memory: Memory, draw: Generator) -> Proposal:
        if len(history):
            memory = self._learned(memory, history)
        code = torch.multinomial(memory["logits"].softmax(dim=1), 1, generator=draw)[:, 0]
        return Proposal(tuple(code.tolist()), 0, memory)

    def _learned(self, memory: Memory, history: History) -> Memory:
        """The memory after the last trial, which is a sample of these logits."""
        steps, reward, code = len(history), history.accuracies[-1], history.codes[-1]
        momentum = self.baseline_momentum
        baseline = momentum * memory["baseline"] + (1 - momentum) * reward
        advantage = reward - baseline / (1 - momentum**steps)
        gradient = -advantage * (self._one_hot(code, memory["logits"]) - memory["logits"].softmax(dim=1))
        mean = torch.lerp(memory["mean"], gradient, 1 - self.policy_beta1)
        square = torch.lerp(memory["square"], gradient.square(), 1 - self.policy_beta2)
        scale = (square / (1 - self.policy_beta2**steps)).sqrt() + self.policy_eps
        step = mean / (1 - self.policy_beta1**steps) / scale
        return {
            "logits": memory["logits"] - self.policy_lr * step,
            "mean": mean,
            "square": square,
            "baseline": baseline,
        }

    @staticmethod
    def _one_hot(code: Tensor, logits: Tensor) -> Tensor:
        return torch.zeros_like(logits).scatter(1, code[:, None], 1.0)
