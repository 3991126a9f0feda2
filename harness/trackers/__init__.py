"""Experiment trackers that a run can be followed in: off unless asked for, each an extra of the package.

A tracker is fed from a run's records, from outside: nothing that a search computes depends on whether it is tracked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from harness.core.errors import HarnessError, unknown
from harness.trackers.tracker import Tracker


@dataclass(frozen=True)
class Entry:
    """How a tracker is made. The name it is registered by is that of its module, and of the extra it comes with."""

    tracker: str
    """The class."""
    package: str
    """What must be installed."""


TRACKERS = {
    "tensorboard": Entry("TensorBoard", "tensorboard"),
    "wandb": Entry("WeightsAndBiases", "wandb"),
    "mlflow": Entry("MLflow", "mlflow"),
}


def check(names: Iterable[str]) -> None:
    """Raises HarnessError for a name that is no tracker's, or one whose package is not installed."""
    for name in names:
        if name not in TRACKERS:
            raise unknown("tracker", name, TRACKERS)
        found = find_spec(TRACKERS[name].package)
        if found is None or found.origin is None:  # the latter is a folder of that name, such as W&B makes
            raise HarnessError(f"tracker {name!r} is not installed; pip install 'zarts-harness[{name}]'.")


def make(name: str, folder: Path) -> Tracker:
    """The tracker of this name, for the run in this folder."""
    tracker: Tracker = getattr(import_module(f"harness.trackers.{name}"), TRACKERS[name].tracker)(folder)
    return tracker
