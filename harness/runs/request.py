"""What every piece of work that leaves a folder is asked with: a search, and the evaluation of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class WorkRequest:
    """How to work, whatever the work is."""

    seed: int = 0
    assignments: tuple[str, ...] = ()
    """Hyper-parameters in place of the protocol's, `name=value` each."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    data_root: Path | None = None
    """Where data sets are kept; None: the usual folder."""
    results: Path = Path("results")
    checkpoint_seconds: float = 60.0
    """A checkpoint is written after every epoch, and within one when the last is so many seconds old."""
    again: bool = False
    """Whether to do it anew where it has been done; what is there is kept."""
    track: tuple[str, ...] = ()
    """Names of trackers, which decide nothing of the outcome."""
