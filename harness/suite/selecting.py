"""Which of several searches is chosen, and the file that says so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.core.files import read_shaped
from harness.core.shapes import SELECTION
from harness.core.untrusted import FINITE, MEASURED, check, loads, reason

MEASURED_BY = {
    True: "the lowest error, in percent of training images held out, after the last epoch of a short training",
    False: "the lowest loss of the supernet on alpha's images, after the last epoch of the search",
}
"""By whether there were short trainings."""


@dataclass(frozen=True)
class Candidate:
    """A search that is done, and what it is judged by."""

    seed: int
    settings: Sequence[str]
    """`name=value` each."""
    run: Path
    """Its folder."""
    file: Path
    """That of its short training, or its own result."""


def selected(candidates: Sequence[Candidate], among: Sequence[str], by_training: bool) -> dict[str, Any]:
    """What was chosen, of what, and by which numbers. Of equals it is the first; what has no number comes last.

    Raises HarnessError where a file is damaged."""
    numbers = [_error(each.file) if by_training else _last_loss(each.run) for each in candidates]
    ranked = [math.inf if number is None else number for number in numbers]
    best = ranked.index(min(ranked))
    return {
        "chosen": candidates[best].run.name,
        "among": list(among),
        "by": MEASURED_BY[by_training],
        "searches": [
            {
                "run": each.run.name,
                "number": number,
                "seed": each.seed,
                "settings": list(each.settings),
                "training": each.file.name if by_training else None,
            }
            for each, number in zip(candidates, numbers, strict=True)
        ],
    }


def chosen_in(path: Path) -> str:
    """The name of the run that was chosen, by its file. Raises HarnessError where that is damaged."""
    name: str = read_shaped(path, SELECTION)["chosen"]
    if Path(name).name != name:
        raise HarnessError(f"{path} is damaged: {name!r:.40} is no name of a run. Delete it to go on.")
    return name


def _error(training: Path) -> float | None:
    found: float = read_shaped(training, {"test_error_last": FINITE})["test_error_last"]
    return found


def _last_loss(run: Path) -> float | None:
    path = run / "records.jsonl"
    try:
        record = loads(path.read_text("utf-8").splitlines()[-1])
        check(record, {"valid_loss": MEASURED})
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, IndexError) as error:
        raise HarnessError(f"{path} cannot be read: {reason(error)}; it is damaged or no record of a search.") from None
    loss: float | None = record["valid_loss"]
    return loss
