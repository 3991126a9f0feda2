"""The state of a search: all of it. What is not in here does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from torch import Tensor

from harness.core.types import Cost


class Saved:
    """The base of the dataclasses that are the states of searches; each has a field `cost`."""

    def to_dict(self) -> dict[str, Any]:
        """Tensors and plain values only, so that it loads with weights_only=True."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return values | {"cost": values["cost"].to_json()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], device: str = "cpu") -> Self:
        """A state saved by to_dict, with its tensors on this device."""
        return cls(**{**_moved(dict(values), device), "cost": Cost.from_json(values["cost"])})


@dataclass
class State(Saved):
    """Where a search is. d = alpha's size, P = the supernet's parameters, S = its batch-norm statistics."""

    epoch: int
    step: int
    """Weight steps done in this epoch."""
    stage: int
    """Of the schedule."""
    kept: list[list[str]]
    """The operations that are left on every edge, in alpha's row order."""
    last_choice: list[dict[str, float]]
    """Per edge, softmax(alpha) by operation when operations were last dropped from more than one; empty before."""
    alpha: Tensor
    """(d,)"""
    memory: dict[str, Tensor]
    """The rule's."""
    weights: Tensor
    """(P,)"""
    momentum: Tensor
    """(P,)"""
    statistics: Tensor
    """(S,)"""
    meters: Tensor
    """(3,) float64 sums over this epoch: training loss times images, correct answers, images."""
    failed_at: Tensor
    """() int64: the first weight step, counted over the search, with a loss or an alpha that is not finite; -1."""
    diagnostics: dict[str, Tensor]
    """Sums over this epoch's updates of alpha; "updates" counts them."""
    cost: Cost
    records: list[dict[str, Any]] = field(default_factory=list)
    """One per finished epoch."""
    stopped_by: str = ""
    """Why the search is over; empty while it is not."""


def _moved(value: Any, device: str) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _moved(entry, device) for key, entry in value.items()}
    return value
