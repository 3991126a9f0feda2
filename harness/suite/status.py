"""Where every cell of a suite stands, read from the results folder alone, without torch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.core.files import read_shaped
from harness.core.untrusted import DAMAGES, OBJECT, PLAIN, TEXT, check, loads
from harness.runs.folder import owner
from harness.suite.cells import Cell

STATES = ("done", "outdated", "running", "failed", "queued", "waiting")
"""`outdated` is what other code has done, or is of another table; `waiting` is for evaluations and selections of what
is not done."""


@dataclass(frozen=True)
class Status:
    """Where a cell stands."""

    cell: Cell
    state: str
    epoch: int | None = None
    """Finished epochs, of a running cell or of one that was interrupted."""
    epochs: int | None = None
    """Of how many."""
    seconds_left: float | None = None
    """None where too little of it has been seen."""
    where: str | None = None
    reason: str | None = None
    """Why it failed."""

    def to_json(self) -> dict[str, Any]:
        asked = self.cell.search
        return {
            "cell": self.cell.name,
            "kind": self.cell.kind,
            **{key: getattr(asked, key) for key in ("method", "space", "dataset", "seed")},
            "protocol": self.cell.protocol,
            "settings": list(self.cell.asked.settings),
            "at_epoch": self.cell.at_epoch,
            "training_seed": self.cell.training_seed,
            "state": self.state,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "seconds_left": self.seconds_left,
            "where": self.where,
            "reason": self.reason,
        }


def log_of(cell: Cell, results: Path) -> Path:
    """Beside the run folder: everything that attempts at the cell have said."""
    return results / f"{cell.name}.log"


def failure_of(cell: Cell, results: Path) -> Path:
    """Beside the run folder: why the cell was given up; absent where it was not."""
    return results / f"{cell.name}.failed.json"


def status_of(cell: Cell, results: Path) -> Status:
    """Where one cell stands: it has failed, too, where what is on the disk is damaged."""
    try:
        return _standing(cell, results)
    except HarnessError as error:
        return Status(cell, "failed", reason=str(error))


def totals(standings: Sequence[Status]) -> dict[str, int]:
    """How many cells are in each state."""
    counted = Counter(standing.state for standing in standings)
    return {state: counted[state] for state in STATES if counted[state]}


def _standing(cell: Cell, results: Path) -> Status:
    """Raises HarnessError where what is on the disk is damaged."""
    if not cell.may_begin(results):
        return Status(cell, "waiting")
    if cell.is_done(results):
        return Status(cell, "outdated" if cell.is_outdated(results) else "done")
    where = owner(cell.workplace(results))
    if where is not None:
        return _progress(cell, results, "running", where=where)
    failure = failure_of(cell, results)
    if failure.exists():
        return _progress(cell, results, "failed", reason=read_shaped(failure, {"reason": TEXT})["reason"])
    return _progress(cell, results, "queued")


def _progress(cell: Cell, results: Path, state: str, where: str | None = None, reason: str | None = None) -> Status:
    """How far a cell has come that somebody has begun."""
    folder = cell.workplace(results)
    try:
        spec = read_shaped(folder / "spec.json", {"spec": OBJECT})["spec"]
        lines = (folder / "records.jsonl").read_text("utf-8").splitlines()
        records = [loads(line) for line in lines]
        check(records, [{"cost": {"*": PLAIN}}])
        age = time.time() - (folder / "records.jsonl").stat().st_mtime
        left, epochs = _seconds_left(spec, records), _epochs(spec)
    except (HarnessError, OSError, *DAMAGES):
        return Status(cell, state, where=where, reason=reason)  # there are no records yet, or they are damaged
    if left is not None and where is not None:
        left = max(0.0, left - age)
    return Status(cell, state, len(records), epochs, left, where, reason)


def _seconds_left(spec: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> float | None:
    """As many epochs as are left, at the pace of the last one; None in a warm-up, whose epochs are shorter."""
    warmup = spec["settings"].get("schedule", {}).get("warmup", 0)
    if len(records) <= warmup:
        return None
    spent = [0.0, *(_seconds(record) for record in records[-2:])]
    last = spent[-1] - (spent[-2] if len(records) > 1 else 0.0)
    return last * (_epochs(spec) - len(records))


def _epochs(spec: Mapping[str, Any]) -> int:
    """Of a search or of a training: how many there are to be."""
    return int((spec["budget"] if "budget" in spec else spec["settings"]["training"])["epochs"])


def _seconds(record: Mapping[str, Any]) -> float:
    """All that had been spent at the end of an epoch."""
    return sum(value for name, value in record["cost"].items() if name.endswith("seconds"))
