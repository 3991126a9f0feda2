"""When a search ends before its last epoch, and which epoch's cell it then has found; or when it goes back to one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Records = Sequence[Mapping[str, Any]]
"""Of the epochs so far."""


class Curvature(Protocol):
    """What a rule can have measured after an epoch."""

    def __call__(self, decay: float) -> float | None:
        """The largest eigenvalue of the Hessian of the validation loss in alpha, `decay` added to its diagonal; None
        where it cannot be found."""
        ...


@dataclass(frozen=True)
class Ending:
    """That a search ends early: by what, as result.json has it; the epoch whose cell is found; and why that one."""

    stopped_by: str
    epoch: int
    words: str


class Stopping:
    """The base of the frozen dataclasses that say so."""

    def watches(self, epoch: int, epochs: int) -> bool:
        """Whether something is measured after an epoch of so many."""
        return False

    def watch(self, curvature: Curvature) -> dict[str, Any]:
        """What is measured after an epoch that is watched; it becomes part of the epoch's record."""
        return {}

    def ending(self, records: Records, epochs: int) -> Ending | None:
        """How the search ends after the last of the records, if it does."""
        return None

    def within_reach(self, epoch: int) -> Collection[int]:
        """The epochs whose ends the search may still go back to when this one has ended. What they ended with is kept
        in the state, and so in every checkpoint."""
        return ()

    def going_back(self, records: Records, returns: int, weight_decay: float) -> int | None:
        """The epoch whose end the search goes back to after the last of the records, if it does. It has done so
        `returns` times, and began with this weight decay."""
        return None

    def weight_decay(self, at_first: float, returns: int) -> float:
        """That of the weights after so many returns."""
        return at_first


@dataclass(frozen=True)
class Never(Stopping):
    """The cell is that of the last epoch."""
