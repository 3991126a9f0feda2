"""What hands cells to processes: the interface, and how one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harness.suite.job import Ending, Job


class Executor(Protocol):
    """Does jobs, each in a process of its own, somewhere."""

    @property
    def room(self) -> int:
        """How many more jobs it takes now."""
        ...

    def submit(self, jobs: Sequence[tuple[str, Job]]) -> None:
        """Begins these jobs, or queues them; each has a name. A job that was asked for runs once."""
        ...

    def wait(self, seconds: float) -> list[tuple[str, Ending]]:
        """The jobs that have ended since, by name; returns after so many seconds where none has."""
        ...

    def stop(self) -> None:
        """Asks every process to save and end, and returns when they have."""
        ...

    def kill(self) -> None:
        """Ends every process at once."""
        ...
