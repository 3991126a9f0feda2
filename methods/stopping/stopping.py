"""When a search ends before its last epoch, and which epoch's cell it then has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Records = Sequence[Mapping[str, Any]]
"""Of the epochs so far; what the rule watches stands under "eigenvalue"."""


class Stopping:
    """The base of the frozen dataclasses that say so."""

    @property
    def decay(self) -> float:
        """What is added to the Hessian's diagonal."""
        return 0.0

    def watches(self, epoch: int, epochs: int) -> bool:
        """Whether the largest eigenvalue of the Hessian in alpha is wanted after an epoch of so many."""
        return False

    def chosen(self, records: Records, epochs: int) -> int | None:
        """The epoch whose cell is found, if the search is to end after the last of the records."""
        return None


@dataclass(frozen=True)
class Never(Stopping):
    """The cell is that of the last epoch."""
