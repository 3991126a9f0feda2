"""Which cells are meant by what a user names: targets as they are, and patterns for the folders of finished runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from glob import glob
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.genotype import looks_like

SHOWN = 3
"""Skipped folders that one notice names."""


def expand(targets: Sequence[str], tell: Callable[[str], None]) -> list[str]:
    """The targets, once each; a pattern (`results/**`, as a shell would expand it) is replaced by the folders of the
    finished runs that it matches, sorted. What else is a run among them is told. Raises HarnessError for a pattern
    that matches no finished run."""
    found: dict[str, None] = {}
    for target in targets:
        found |= dict.fromkeys(_finished(target, tell) if _is_pattern(target) else [target])
    return list(found)


def _is_pattern(target: str) -> bool:
    return any(character in target for character in "*?") and not looks_like(target)


def _finished(pattern: str, tell: Callable[[str], None]) -> list[str]:
    folders = sorted({str(Path(name)) for name in glob(pattern, recursive=True) if Path(name).is_dir()})
    finished = [folder for folder in folders if (Path(folder) / "result.json").exists()]
    if not finished:
        raise HarnessError(f"{pattern!r} matches no folder of a finished run.")
    if others := [folder for folder in folders if _is_unfinished(Path(folder), finished)]:
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        tell(f"skipped, for the run is not done: {', '.join(others[:SHOWN])}{more}.")
    if count := len(folders) - len(finished) - len(others):
        tell(f"{count} other folders that {pattern!r} matches are no runs, and are passed by.")
    return finished


def _is_unfinished(folder: Path, finished: Sequence[str]) -> bool:
    """Whether this is a run that is not done; an evaluation has a spec, too, and lies in the folder of its run."""
    is_evaluation = folder.name.startswith(("evaluation-", "validation-"))
    return (folder / "spec.json").exists() and not is_evaluation and str(folder) not in finished
