"""A surrogate: a small ensemble of perceptrons that predicts how good a genotype is from those that were tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor

from harness.core.settings import setting

AT_ONCE = 8192
"""Genotypes that are predicted side by side, to bound the memory."""
Layer = tuple[Tensor, Tensor]
"""Weights (members, in, out) and biases (members, 1, out)."""


@dataclass(frozen=True)
class Predictor:
    """Members with weights of their own, side by side in every tensor."""

    layers: list[Layer]
    sizes: list[int]

    def __call__(self, codes: Tensor) -> Tensor:
        """What each member expects of the codes (n, choices), see `encoded`: (members, n), in standard deviations of
        the ranks that it was fitted to, higher is better."""
        with torch.no_grad(), on_one_thread():
            chunks = [_forward(self.layers, encoded(chunk, self.sizes)) for chunk in codes.split(AT_ONCE)]
            return torch.cat(chunks, dim=1)


@dataclass(frozen=True, kw_only=True)
class Surrogate:
    """How the ensemble is made and fitted; a strategy that has one is derived from this.

    PNAS and BANANAS have ensembles of 5; their LSTMs and 10 layers of 20 are here two layers on one-hot codes (choice),
    and what is fitted are ranks, for accuracies have a long tail below that would drown the good ones (choice)."""

    members: int = setting(
        5, "PNAS, section 4.3 (from memory, unchecked); naszilla nas_algorithms.py, num_ensemble", minimum=1
    )
    predictor_width: int = setting(64, "choice; of each of the two hidden layers", minimum=1)
    predictor_steps: int = setting(
        200, "choice; of Adam, on all data at once. naszilla params.py: 150 epochs", minimum=1
    )
    predictor_lr: float = setting(0.01, "PNAS (from memory, unchecked); naszilla params.py", minimum=0)

    def fit(self, codes: Tensor, accuracies: Tensor, shares: Tensor, draw: Generator, sizes: list[int]) -> Predictor:
        """The ensemble, from new initial weights, after `predictor_steps` steps of Adam on the absolute error (PNAS;
        naszilla params.py) of the ranks of the accuracies (n,), which codes (n, choices) have. `shares` (members, n)
        says how much each trial counts for each member. float64, on the CPU; all randomness is that of `draw`."""
        inputs, targets = encoded(codes, sizes), ranks(accuracies)
        widths = [sum(sizes), self.predictor_width, self.predictor_width, 1]
        layers = [_initial(self.members, *pair, draw) for pair in pairwise(widths)]
        weights = [tensor.requires_grad_() for layer in layers for tensor in layer]
        means, squares = ([torch.zeros_like(tensor) for tensor in weights] for _ in range(2))
        with on_one_thread():
            for step in range(1, self.predictor_steps + 1):
                errors = (_forward(layers, inputs) - targets).abs() * shares
                gradients = torch.autograd.grad((errors.sum(dim=1) / shares.sum(dim=1)).sum(), weights)
                for values in zip(weights, gradients, means, squares, strict=True):
                    adam(*values, self.predictor_lr, step)
        return Predictor([(weight.detach(), bias.detach()) for weight, bias in layers], sizes)


def encoded(codes: Tensor, sizes: list[int]) -> Tensor:
    """(n, sum of sizes), float64: for each choice a one at its option. A choice that is open, -1, has equal shares of
    all its options, the mean over them."""
    columns = []
    for options, size in zip(codes.T, sizes, strict=True):
        chosen = torch.nn.functional.one_hot(options.clamp(min=0), size).double()
        columns.append(torch.where(options[:, None] < 0, torch.full_like(chosen, 1 / size), chosen))
    return torch.cat(columns, dim=1)


def ranks(values: Tensor) -> Tensor:
    """The ranks of values (n,) with mean 0 and standard deviation 1, equal values sharing theirs; zeros where all are
    equal."""
    below = (values[:, None] > values).sum(dim=1)
    at_most = (values[:, None] >= values).sum(dim=1)
    found = (below + at_most).double()
    found = found - found.mean()
    return found / found.square().mean().sqrt().clamp(min=1e-12)


@torch.no_grad()
def adam(weight: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, lr: float, step: int) -> None:
    """Step number `step`, from 1, of torch.optim.Adam with its defaults, in place; that is slow to load."""
    mean.lerp_(gradient, 0.1)
    square.lerp_(gradient.square(), 0.001)
    scale = (square / (1 - 0.999**step)).sqrt_().add_(1e-8)
    weight.addcdiv_(mean, scale, value=-lr / (1 - 0.9**step))


@contextmanager
def on_one_thread() -> Iterator[None]:
    """What is computed is too small to share out, many times slower where cores are busy, and then depends on how many
    there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _initial(members: int, inputs: int, outputs: int, draw: Generator) -> Layer:
    """Uniform in +-1 / sqrt(inputs), as torch's linear layers."""
    bound = inputs**-0.5
    weights = torch.rand(members, inputs, outputs, generator=draw, dtype=torch.float64)
    biases = torch.rand(members, 1, outputs, generator=draw, dtype=torch.float64)
    return bound * (2 * weights - 1), bound * (2 * biases - 1)


def _forward(layers: list[Layer], inputs: Tensor) -> Tensor:
    """(n, features) to (members, n)."""
    *hidden, last = layers
    x = inputs.expand(len(last[0]), *inputs.shape)
    for weights, biases in hidden:
        x = torch.relu(torch.baddbmm(biases, x, weights))
    return torch.baddbmm(last[1], x, last[0])[..., 0]
