"""The final networks: a genotype's chosen operations, trained from scratch to score it.

Every network maps images (B, 3, H, W) to logits (B, classes). Batch norm is affine and pools carry none. Weights get
PyTorch's default initialisation from the global generator, so whoever builds a network seeds it first. Sources: ZARTS
model.py:8-156, NAS-Bench-201 tiny_network.py:16-38.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import torch
from torch import Generator, Tensor, nn

from harness.core import genotype as genotypes
from harness.core.errors import unknown
from spaces.drop_path import path_factors
from spaces.operations import OPERATIONS, Drawing, State, evaluate


class Cell(nn.Module):
    """A genotype's cell on preprocessed inputs: a node sums its edges, the output concatenates those of `concat`; nodes
    that nothing reaches, and edges from them, are not there."""

    def __init__(self, graph: genotypes.Cell, channels: int, preprocess: Iterable[nn.Module], reduction: bool) -> None:
        super().__init__()
        self.graph = graph
        self.preprocess = nn.ModuleList(preprocess)
        self.operations = nn.ModuleList(
            _operation(name, channels, stride=2 if reduction and source < graph.inputs else 1)
            for _, edges in graph.reached
            for name, source in edges
        )

    def forward(self, inputs: Sequence[State], draw: Generator | None, factors: Sequence[Tensor] | None) -> State:
        """`factors` holds, for each edge, what drop-path multiplies its output with: (B, 1, 1, 1)."""
        preprocessed = (evaluate(layer, x, draw) for layer, x in zip(self.preprocess, inputs, strict=True))
        states = dict(enumerate(map(State, preprocessed)))
        edges = iter(zip(self.operations, [None] * len(self.operations) if factors is None else factors, strict=True))
        for node, entering in self.graph.reached:
            total = None
            for (operation, factor), (_, source) in zip(islice(edges, len(entering)), entering, strict=True):
                y = evaluate(operation, states[source], draw)
                total = _added(total, y, None if isinstance(operation, nn.Identity) else factor)
            assert total is not None  # something enters what is reached
            states[node] = State(total)
        return State([states[node] for node in self.graph.output])


def _added(total: Tensor | None, y: Tensor, factor: Tensor | None) -> Tensor:
    """total + y * factor, of which those that are None are left out."""
    if factor is None:
        return y if total is None else total + y
    factor = factor.to(y.dtype)
    return y * factor if total is None else torch.addcmul(total, y, factor)


class FinalNetwork(nn.Module):
    """A final network is called as `network(images, drop_path, draw)`; see `spaces.darts.network.DartsNetwork`."""

    @property
    def paths(self) -> list[int]:
        """How many paths each cell has that drop-path may take."""
        return [len(module.operations) for module in self.modules() if isinstance(module, Cell)]

    @property
    def repeats(self) -> bool:
        """Whether every forward of a shape launches the same kernels, and draws nothing that drop-path does not."""
        return not any(isinstance(module, Drawing) for module in self.modules())

    def drawn_paths(self, x: Tensor, rate: float, draw: Generator | None) -> Tensor:
        """What a forward of the batch x (B, ...) may be given as `drop_path` in place of a rate: `path_factors`."""
        # One draw and one transfer for the whole forward, not one per edge.
        return path_factors(sum(self.paths), x, rate, draw)

    def factors(
        self, x: Tensor, drop_path: float | Tensor, draw: Generator | None
    ) -> Iterator[Sequence[Tensor] | None]:
        """Cell by cell, the factors (B, 1, 1, 1) of its paths for a batch x (B, ...); None where nothing is dropped."""
        if isinstance(drop_path, Tensor):
            drawn = drop_path
        elif self.training and drop_path:
            drawn = self.drawn_paths(x, drop_path, draw)
        else:
            return iter([None] * len(self.paths))
        return iter(drawn.split(self.paths))


def _operation(name: str, channels: int, stride: int) -> nn.Module:
    if name not in OPERATIONS:
        raise unknown("operation", name, OPERATIONS)
    return OPERATIONS[name](channels, stride, True)
