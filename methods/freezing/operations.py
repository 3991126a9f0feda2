"""Which weights of a supernet belong to which operation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from methods.freezing.freezing import Memory
from methods.training.weights import FlatModel
from spaces.supernet import Supernet

OPERATION = re.compile(r"(.+\.\d+-\d+\.[^.]+)\.")
"""How `Supernet.pieces` begins the name of what belongs to an operation: cell, edge, operation."""


@dataclass(frozen=True, eq=False)
class Operations:
    """The operations of a supernet, by their names; some have no weights."""

    names: Sequence[str]
    """For example "cells.3.graph.0-2.sep_conv_3x3"."""
    owners: Tensor
    """(P,) int64: the number of the operation that a weight belongs to; that of operations for other weights."""
    order: Tensor
    """The places of the weights, operation by operation, and last those of no operation,"""
    lengths: Tensor
    """and how many each has (operations + 1,)."""

    def cosines(self, a: Tensor, b: Tensor) -> Tensor:
        """Between the weights of two vectors (P,) that belong to an operation: float64 (operations,), nan where one of
        them is 0. The sums have one order, on every device, and nothing waits for it."""
        a, b = a[self.order].double(), b[self.order].double()
        ab, aa, bb = (
            torch.segment_reduce(products, "sum", lengths=self.lengths, initial=0.0, unsafe=True)[:-1]
            for products in (a * b, a * a, b * b)
        )
        return ab / (aa.sqrt() * bb.sqrt())

    def weights_of(self, chosen: Tensor) -> Tensor:
        """Which weights belong to the chosen operations (operations,): bool (P,)."""
        return torch.cat([chosen, chosen.new_zeros(1)])[self.owners]


@torch.no_grad()
def operations_of(model: FlatModel) -> Operations:
    """Those of a supernet, which is left as it was."""
    weights, statistics, numbers = model.weights, model.statistics, dict[str, int]()
    owners = torch.full_like(weights, -1)
    model.bind(owners, statistics.clone())  # a number lies in its vector as the weights do in theirs
    for name, piece in cast(Supernet, model.module).pieces():
        if found := OPERATION.match(name):
            piece.fill_(numbers.setdefault(found[1], len(numbers)))
    model.bind(weights, statistics)
    owned = owners.long()
    owned[owned < 0] = len(numbers)
    lengths = owned.new_zeros(len(numbers) + 1).index_add_(0, owned, torch.ones_like(owned))
    return Operations(tuple(numbers), owned, owned.argsort(stable=True), lengths)


def of_those_left(memory: Memory, before: FlatModel, after: FlatModel) -> dict[str, Tensor]:
    """What a freezing carries on to a supernet with fewer operations than the one before."""
    if not memory:
        return {}
    rows = {name: row for row, name in enumerate(operations_of(before).names)}
    left = [rows[name] for name in operations_of(after).names]
    return {name: values[left] for name, values in memory.items()}
