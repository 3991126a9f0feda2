"""Sub-networks of a supernet: the gates under which it computes one genotype, and what that costs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from harness.core.settings import applicable, override
from spaces.prices import counted
from spaces.space import Space

IMAGE_SIZE = 32
"""Side of the images that multiply-accumulates are counted on."""


def path_gates(space: Space, code: Sequence[int]) -> Tensor:
    """1 at the operations that a genotype picks and 0 elsewhere: (rows, widest). Edges that it does not read have none:
    goes with an edge that runs what has a gate, or all."""
    picks = [pick for node in space.picked(code) for pick in node]
    gates = torch.zeros(len(space.widths), max(space.widths))
    gates[[pick.row for pick in picks], [pick.column for pick in picks]] = 1.0
    return gates


def path_code(space: Space, gates: Tensor) -> tuple[int, ...]:
    """The genotype that has these gates (rows, widest), of 1 and 0: the inverse of `path_gates`."""
    active, code, start = gates.tolist(), [0 for node in space.choices for _ in node], 0
    for number, node in enumerate(space.choices):
        own = slice(start, start + len(node))
        for options in product(*map(range, node)):
            code[own] = options
            if all(active[pick.row][pick.column] == 1 for pick in space.picked(code)[number]):
                break
        start += len(node)
    return tuple(code)


@dataclass(frozen=True, eq=False)
class PathMacs:
    """Multiply-accumulates of the final networks of a space, by what they are made of."""

    around: int
    """Of what every network has."""
    of_operations: Tensor
    """(rows, widest) int64"""

    def __call__(self, gates: Tensor) -> int:
        """Of the network of these gates (rows, widest). Of one with a node that nothing reaches, more than it has: what
        reads it is counted at its full width."""
        return self.around + int((self.of_operations * gates.long()).sum())

    def least_and_most(self, space: Space) -> tuple[int, int]:
        """Of all networks: choice after choice the option that counts least, or most. Costs add up over the edges, and
        so each node's are found by themselves."""
        return self._extreme(space, 1), self._extreme(space, -1)

    def _extreme(self, space: Space, sign: int) -> int:
        code = [0 for node in space.choices for _ in node]
        sizes, start = [options for node in space.choices for options in node], 0
        for node in space.choices:
            for place in reversed(range(start, start + len(node))):
                tried = [[*code[:place], option, *code[place + 1 :]] for option in range(sizes[place])]
                code = min(tried, key=lambda one: sign * self(path_gates(space, one)))
            start += len(node)
        return self(path_gates(space, code))


def path_macs(space: Space, classes: int) -> PathMacs:
    """Of the final networks of a space, for so many classes; counted once."""
    key = type(space), space.name, tuple(space.cells.items()), space.final, classes
    if key not in _COUNTED:
        _COUNTED[key] = _count(space, classes)
    return _COUNTED[key]


_COUNTED: dict[Hashable, PathMacs] = {}


def _count(space: Space, classes: int) -> PathMacs:
    """Of networks of the final size."""
    size = {"channels": space.final.channels, "cells": space.final.cells}
    macro = override({"macro": space.macro()}, applicable({"macro": space.macro()}, size))["macro"]
    prices = counted(space, macro, classes, IMAGE_SIZE)["flops"]
    of_operations = torch.zeros(len(space.widths), max(space.widths), dtype=torch.int64)
    for row, (edge, own) in enumerate(zip(space.edges, prices.edges, strict=True)):
        for column, name in enumerate(edge.operations):
            of_operations[row, column] = int(own[name])
    return PathMacs(int(prices.around), of_operations)
