"""What a suite has left to do, and what that will take on the devices at hand."""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError, Interrupted
from harness.core.files import cache_root, make_folder, read_shaped
from harness.core.registry import plugin_names
from harness.core.shapes import PRICE
from harness.runs.loop import stop_signals
from harness.suite.cells import Cell, code_digest, plugin_digests
from harness.suite.definition import EvaluationCell, SelectionCell, SuiteCell, Work
from harness.suite.driver import share
from harness.suite.executors import Executor
from harness.suite.job import Job
from harness.suite.local import THREADS
from harness.suite.requests import CalibrationRequest, Equipment
from harness.suite.status import Status, status_of

FREE = {"seconds": 0.0, "memory": 0, "memory_kind": "", "steps_timed": 0}
"""What a selection takes."""


def kind_of(cell: SuiteCell) -> SuiteCell:
    """What all seeds of a cell have in common, and all architectures, on the way and chosen: the cell with seed 0."""
    if isinstance(cell, SelectionCell):
        return replace(cell, searches=(replace(cell.search, seed=0),), trainings=())
    if isinstance(cell, EvaluationCell):
        return replace(cell, search=replace(cell.search, seed=0), at_epoch=None, selection=None, seed=0)
    return replace(cell, seed=0)


def kinds_of(cells: Sequence[Cell], workers: int) -> dict[SuiteCell, int]:
    """The kinds of a suite's cells, and how many of each a worker does together."""
    kin = Counter(kind_of(cell.asked) for cell in cells if cell.kin is not None)
    return {kind: share(kin[kind], workers) if kin[kind] else 1 for kind in (kind_of(cell.asked) for cell in cells)}


@dataclass(frozen=True)
class Calibration:
    """Prices by kind of cell: measured once on a machine, and kept in the cache."""

    environments: Sequence[Mapping[str, str]]
    """Of the workers: how many there are, and the threads of each, decide how fast one is."""
    equipment: Equipment

    def measure(
        self, kinds: Mapping[SuiteCell, int], executor: Executor, tell: Callable[[str], None]
    ) -> dict[SuiteCell, str]:
        """Measures what has not been, with all workers busy, and as many cells of a kind together as are given with
        it, as it will be. Returns why a kind could not be.

        Raises Interrupted after SIGINT or SIGTERM.
        """
        timed = [kind for kind in kinds if not isinstance(kind, SelectionCell)]
        absent = [kind for kind in timed if not self._path(kind, kinds[kind]).exists()]
        failures = self._without_data(absent, tell)
        absent = [kind for kind in absent if kind not in failures]
        copies = -(-len(self.environments) // len(absent)) if absent else 0
        jobs = [self._job(kind, kinds[kind]) for kind in absent]
        waiting = [(f"{copy} {n}", job) for copy in range(copies) for n, job in enumerate(jobs)]
        left = len(waiting)
        with stop_signals() as stopped:
            try:
                while left and not stopped:
                    begun, waiting = waiting[: executor.room], waiting[executor.room :]
                    executor.submit(begun)
                    for name, ending in executor.wait(seconds=0.5):
                        left -= 1
                        kind = absent[int(name.split()[1])]
                        what = " ".join(kind.options) or "an evaluation"
                        if ending.how == "done":
                            tell(f"measured {what}")
                        else:
                            tell(f"cannot be measured: {what}: {ending.reason}")
                            failures[kind] = ending.reason
            finally:
                executor.kill()
        if stopped:
            raise Interrupted("stopped; what has been measured is kept.")
        return failures

    def price(self, kind: SuiteCell, together: int) -> dict[str, Any] | None:
        """What was measured for this kind, if it was: of one cell, of so many done together."""
        if isinstance(kind, SelectionCell):
            return FREE
        with suppress(HarnessError):
            return read_shaped(self._path(kind, together), PRICE)
        return None

    def _without_data(self, kinds: Sequence[Work], tell: Callable[[str], None]) -> dict[SuiteCell, str]:
        """The kinds whose data set is not here, and why; each data set is looked for once, before anything is timed."""
        if not kinds:
            return {}
        from harness.suite.planning import Planner  # takes torch

        planner = Planner(self.equipment.device, Path(self.equipment.data) if self.equipment.data else None)
        of = {kind: name for kind in kinds if (name := planner.images_of(kind))}
        faults = {name: planner.fault_of_images(name) for name in dict.fromkeys(of.values())}
        for name, fault in faults.items():
            if fault:
                tell(f"cannot be measured: {sum(of[kind] == name for kind in of)} kinds of cells with {name}: {fault}")
        return {kind: faults[name] for kind, name in of.items() if faults[name]}

    def _job(self, kind: Work, together: int) -> Job:
        path = self._path(kind, together)
        make_folder(path.parent)
        request = CalibrationRequest(kind, together, str(path), self.equipment)
        return Job(request, str(path.with_suffix(".log")), os.getcwd(), plugin_names())

    def _path(self, kind: Work, together: int) -> Path:
        machine = [socket.gethostname(), *(sorted(environment.items()) for environment in self.environments)]
        code = [code_digest(), plugin_digests()]
        content = json.dumps([asdict(kind), together, asdict(self.equipment), machine, code])
        return cache_root() / "calibration" / f"{hashlib.sha256(content.encode()).hexdigest()}.json"


def left_of(standing: Status) -> float:
    """The fraction of a cell that is not done."""
    if standing.state == "done":
        return 0.0
    return 1.0 - (standing.epoch or 0) / (standing.epochs or 1)


def time_to_end(standings: Sequence[Status], seconds: Mapping[str, float], workers: int) -> float:
    """Seconds until the last cell ends, when each worker takes the first cell that may begin. `seconds` says how long
    each cell takes, by name."""
    ended = {item.cell.name: 0.0 for item in standings if item.state == "done"}
    waiting = [item.cell for item in standings if item.state != "done"]
    free = [0.0] * workers
    while waiting:
        now = heapq.heappop(free)
        ready = (cell for cell in waiting if all(ended.get(name, now + 1) <= now for name in cell.waits_for))
        cell = next(ready, None)
        if cell is None:  # what is left waits for cells that other workers are at
            heapq.heappush(free, min(time for time in ended.values() if time > now))
            continue
        waiting.remove(cell)
        end = now + seconds[cell.name]
        heapq.heappush(free, end)
        ended[cell.name] = end
    return max(free)


def priced(
    cells: Sequence[Cell], results: Path, calibration: Calibration, failures: Mapping[SuiteCell, str]
) -> dict[str, Any]:
    """What is done and what the rest costs, by kind and in all; kinds without a price, with the reason, are left out of
    the totals."""
    places = calibration.environments
    together = kinds_of(cells, len(places))
    standings = [status_of(cell, results) for cell in cells]
    by_kind: dict[SuiteCell, list[Status]] = {}
    for item in standings:
        by_kind.setdefault(kind_of(item.cell.asked), []).append(item)
    kinds = [
        {**_kind(items, calibration.price(kind, together[kind]), failures.get(kind)), "together": together[kind]}
        for kind, items in by_kind.items()
    ]
    each = dict(zip(by_kind, (kind["seconds_each"] or 0.0 for kind in kinds), strict=True))
    seconds = {item.cell.name: left_of(item) * each[kind_of(item.cell.asked)] for item in standings}
    threads = places[0].get(THREADS[0])
    workers = f"{len(places)} worker{'s' if len(places) > 1 else ''}"
    return {
        "cells": len(cells),
        "done": sum(item.state == "done" for item in standings),
        "hours": sum(seconds.values()) * int(threads or 1) / 3600,
        "unit": "CPU-hours" if threads else "GPU-hours",
        "seconds_to_end": time_to_end(standings, seconds, len(places)),
        "devices": f"{workers} of {threads} CPU threads each" if threads else f"{workers} with a GPU each",
        "steps_timed": sum(kind["steps_timed"] for kind in kinds),
        "kinds": kinds,
    }


def _kind(items: Sequence[Status], price: Mapping[str, Any] | None, failure: str | None) -> dict[str, Any]:
    cell = items[0].cell
    left = sum(map(left_of, items))
    return {
        **{key: getattr(cell.search, key) for key in ("method", "space", "dataset")},
        "kind": cell.kind,
        "protocol": cell.protocol,
        "settings": list(cell.asked.settings),
        "cells": len(items),
        "done": sum(item.state == "done" for item in items),
        "seconds_each": price["seconds"] if price else None,
        "seconds_left": price["seconds"] * left if price else None,
        "memory": price["memory"] if price else None,
        "memory_kind": price["memory_kind"] if price else None,
        "steps_timed": price["steps_timed"] if price else 0,
        "unknown": None if price else failure or "it has not been measured",
    }
