"""What feeds trackers from the records of a run or an evaluation, and keeps their failures from it."""

from __future__ import annotations

import math
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core.files import read_object, write_json
from harness.core.genotype import Genotype, parse
from harness.core.types import Recorded
from harness.trackers import make
from harness.trackers.tracker import Tracker

EVERY = 1.0
"""Seconds in which records are sent together: a search on a table has hundreds."""
MEMORY = "trackers.json"
"""The file in the run's folder that says how many records each tracker has been given."""
LONGEST = 200
"""Characters of a tracker's own words in a warning."""

Records = Sequence[Mapping[str, Any]]


class Tracking:
    """An observer that hands every record to each of the trackers once, whichever process wrote it. (What a process has
    given away and not noted when it is killed, an instant later, is given again.)

    A tracker that raises is reported once and left alone from then on; no error of one passes through here. Used as a
    context, which sends what is left and closes the trackers at its end, an interruption's included.
    """

    def __init__(
        self, names: Sequence[str], folder: Path, name: str, spec: Mapping[str, Any], warn: Callable[[str], None]
    ) -> None:
        """`name` is what the run is called in the trackers; `spec` all that decides its outcome."""
        self.folder, self.name, self.settings, self.warn = folder, name, settings(spec), warn
        self._names = tuple(dict.fromkeys(names))
        self._trackers: dict[str, Tracker] = {}
        self._given: dict[str, int] = {}
        self._records: Records = ()
        self._seen, self._sent_at = 0, -math.inf

    def __enter__(self) -> Tracking:
        self._drawings = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        for name in self._names:
            self._guarded(name, self._begin)
        return self

    def __exit__(self, *exception: object) -> None:
        self._send()
        for name in list(self._trackers):
            self._guarded(name, lambda name: self._trackers[name].end())
        self._drawings.cleanup()

    def update(self, state: Recorded, seconds: float) -> None:
        """As an observer of a process."""
        if len(state.records) > self._seen:
            self.tell(state.records)

    def tell(self, records: Records) -> None:
        """All the records so far."""
        self._records, self._seen = records, len(records)
        if time.monotonic() - self._sent_at > EVERY:
            self._send()
            self._sent_at = time.monotonic()

    def finish(self, genotype: Genotype) -> None:
        """The cell that was found: its drawing is a step of its own, after the last record."""
        self._send()

        def show(name: str) -> None:
            self._trackers[name].figure(len(self._records), self._drawing(len(self._records), str(genotype)))

        for name in list(self._trackers):
            self._guarded(name, show)

    def _begin(self, name: str) -> None:
        path = self.folder / MEMORY
        given = int(read_object(path).get(name, 0)) if path.exists() else 0
        tracker = make(name, self.folder)
        tracker.begin(self.name, self.settings, given)
        self._trackers[name], self._given[name] = tracker, given

    def _send(self) -> None:
        for name in list(self._trackers):
            self._guarded(name, self._send_to)

    def _send_to(self, name: str) -> None:
        """What it has not been given yet. A resumed run repeats the records that its checkpoint lacked, bit for bit:
        those are not sent again."""
        tracker, given, records = self._trackers[name], self._given[name], self._records
        if given >= len(records):
            return
        for step in range(given, len(records)):
            cell = records[step].get("genotype")
            if cell is not None and (step == 0 or cell != records[step - 1]["genotype"]):
                tracker.figure(step, self._drawing(step, cell))
            tracker.scalars(step, numbers(records[step]))
        self._given[name] = len(records)
        write_json(self.folder / MEMORY, self._given)

    def _drawing(self, step: int, notation: str) -> Path:
        """The file with the cell of this step, drawn once for all trackers."""
        from spaces.drawing import draw

        path = Path(self._drawings.name, f"cell-{step:05d}.png")
        if not path.exists():
            draw(parse(notation), path)
        return path

    def _guarded(self, name: str, act: Callable[[str], None]) -> None:
        """Does it for the tracker of this name, which is dropped where that fails."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its makers' affair
                act(name)
        except (Exception, SystemExit) as error:
            self._trackers.pop(name, None)
            said = f"{type(error).__name__}: {error}".splitlines()[0][:LONGEST]
            self.warn(f"tracker {name} failed and is left alone from here on; the run goes on ({said}).")


def numbers(record: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The finite numbers of a nested record, by names such as "operations/normal/skip"."""
    found: dict[str, float] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            found |= numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found[f"{prefix}{key}"] = value
    return found


def settings(spec: Mapping[str, Any], prefix: str = "") -> dict[str, str | int | float | bool]:
    """The plain values of a nested spec, by names such as "training.lr": a setting by its part, without `settings.`"""
    found: dict[str, str | int | float | bool] = {}
    for key, value in spec.items():
        if isinstance(value, Mapping):
            found |= settings(value, "" if key == "settings" else f"{prefix}{key}.")
        elif isinstance(value, str | int | float):
            found[f"{prefix}{key}"] = value
    return found
