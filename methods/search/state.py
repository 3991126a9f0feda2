"""The state of a search: all of it. What is not in here does not exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Any, Self

from torch import Tensor

from harness.core.memory import peak_memory
from harness.core.types import Budget, Cost


@dataclass(kw_only=True)
class Saved:
    """What the states of all families of searches have."""

    cost: Cost
    records: list[dict[str, Any]] = field(default_factory=list)
    """One per finished epoch."""
    stopped_by: str = ""
    """Why the search is over; empty while it is not."""

    def to_dict(self) -> dict[str, Any]:
        """Tensors and plain values only, so that it loads with weights_only=True."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return values | {"cost": values["cost"].to_json()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], device: str = "cpu") -> Self:
        """A state saved by to_dict, with its tensors on this device."""
        return cls(**{**moved(dict(values), device), "cost": Cost.from_json(values["cost"])})

    def out_of_time(self, budget: Budget) -> str:
        """The word for it where the seconds are used up, else nothing."""
        return "seconds" if budget.seconds is not None and self.cost.seconds >= budget.seconds else ""

    def measure_memory(self, device: str) -> None:
        """Enters the most memory so far into the cost."""
        measured, self.cost.memory_kind = peak_memory(device)
        self.cost.peak_memory = max(self.cost.peak_memory, measured)


@dataclass(kw_only=True)
class AlphaState(Saved):
    """What the states of searches with an alpha have."""

    epoch: int = 0
    step: int = 0
    """Steps done in this epoch."""
    alpha: Tensor
    """(d,)"""
    memory: dict[str, Tensor]
    """The rule's."""
    diagnostics: dict[str, Any]
    """Sums over this epoch's updates of alpha."""

    def close_epoch(self, steps: int, epochs: int, used_up: str) -> None:
        """After the record of an epoch of so many steps: on to the next, or the end, where the epochs are used up, or
        what is named."""
        if self.step == steps:
            self.epoch, self.step, self.diagnostics = self.epoch + 1, 0, {}
        if self.epoch == epochs:
            self.stopped_by = "epochs"
        else:
            self.stopped_by = used_up


STANDING = (
    *("alpha", "memory", "stage", "kept", "last_choice", "past", "relaxed", "lookahead", "freezing"),
    *("weights", "momentum", "statistics"),
)
"""What of a state an epoch ends with, and the next begins with."""


@dataclass(kw_only=True)
class State(AlphaState):
    """Where a search on a supernet is. A step is one of the weights, or an update of alpha after all of an epoch's; the
    diagnostics' "updates" counts alpha's.
    d = alpha's size, P = the supernet's parameters, S = its batch-norm statistics."""

    stage: int
    """Of the schedule."""
    kept: list[list[str]]
    """The operations that are left on every edge, in alpha's row order."""
    last_choice: list[dict[str, float]]
    """Per edge, its strengths by operation when operations were last dropped from more than one; empty before."""
    past: list[list[dict[str, float]]] = field(default_factory=list)
    """Strengths like these after the last epochs, the newest last: as many as the schedule remembers."""
    relaxed: dict[str, Tensor] = field(default_factory=dict)
    """What the relaxation carries."""
    lookahead: dict[str, float] = field(default_factory=dict)
    """What the lookahead carries."""
    freezing: dict[str, Tensor] = field(default_factory=dict)
    """What the freezing carries, by operation of the supernet."""
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
    returns: list[list[int]] = field(default_factory=list)
    """Each time that the search went back, the epoch at whose end it did, and the one to whose end."""
    ends: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What epochs ended with that may still be gone back to."""
    selection: dict[str, Any] = field(default_factory=dict)
    """Where the search after training is, which `methods.search.selecting` reads; empty before, and without one."""
    found: str = ""
    """The genotype that the search ended with; empty while it goes on, and where an epoch's cell was gone back to."""

    @property
    def scored(self) -> int:
        """How many candidates were scored in the search after training."""
        return len(self.selection["codes"]) if self.selection else 0

    def keep_end(self, within_reach: Collection[int]) -> None:
        """Keeps what the epoch that was the last to end has left, and forgets what is out of reach."""
        if (epoch := self.epoch - 1) in within_reach:
            self.ends[epoch] = {name: deepcopy(getattr(self, name)) for name in STANDING}
        self.ends = {epoch: end for epoch, end in self.ends.items() if epoch in within_reach}

    def go_back(self, epoch: int) -> None:
        """To the end of an epoch. The bill stays, and the records of what is abandoned go."""
        vars(self).update(deepcopy(self.ends[epoch]))
        self.returns = [*self.returns, [self.epoch - 1, epoch]]
        self.records = [record for record in self.records if record["epoch"] <= epoch]
        self.epoch = epoch + 1


def moved(value: Any, device: str) -> Any:
    """The value with its tensors on this device, those in dictionaries too."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: moved(entry, device) for key, entry in value.items()}
    return value
