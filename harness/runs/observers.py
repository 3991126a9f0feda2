"""Several observers of one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.runs.loop import Observer, State

Told = TypeVar("Told", bound=State, contravariant=True)


@dataclass(frozen=True)
class Together(Generic[Told]):
    """They are told in this order."""

    observers: Sequence[Observer[Told]]

    def update(self, state: Told, seconds: float) -> None:
        for observer in self.observers:
            observer.update(state, seconds)
