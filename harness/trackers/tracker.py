"""What every tracker is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path


class Tracker(ABC):
    """One run, in one tracker. Steps count the run's records, and come in order. Any method may raise anything."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the run's own, which a tracker that keeps files may keep them in. Opens nothing yet."""
        self.folder = folder

    @abstractmethod
    def begin(self, name: str, settings: Mapping[str, str | int | float | bool], first: int) -> None:
        """Opens the run of this name, unique among all runs, with its resolved settings. `first` is the step that comes
        next: above 0, the run was begun, and told the steps before, by an earlier process, and is continued."""

    @abstractmethod
    def figure(self, step: int, path: Path) -> None:
        """The drawing of the cell as it is after this step: a PNG file, named by the step. Comes before the step's
        scalars."""

    @abstractmethod
    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """The numbers of this step, by names such as "cost/seconds", which are all finite. On return they are safe from
        the end of this process."""

    @abstractmethod
    def end(self) -> None:
        """Closes the run, which a later process may continue."""
