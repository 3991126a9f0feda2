"""Drives a suite to its end: hands cells that may begin to an executor, and decides what follows each ending.

The results folder is the only memory. What is there is done, whoever did it; a cell that another process works on is
left to it, and looked at again later. So a driver may die at any time and be started again, or be one of several.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from harness.core.errors import HarnessError, Interrupted
from harness.core.files import make_folder, write_json
from harness.core.registry import plugin_names
from harness.runs.folder import owner
from harness.runs.loop import stop_signals
from harness.suite.cells import Cell, Selection, request_of
from harness.suite.executors import Executor
from harness.suite.job import Ending, Job
from harness.suite.requests import Equipment
from harness.suite.status import failure_of, log_of

TICK = 0.5
"""Seconds between two looks at signals and at the display, where nothing ends."""
REST = 2.0
"""Seconds until a cell that another process works on is looked at again."""
FEWEST, MOST = 8, 64
"""Cells of one kin that a worker gets at once, if there are so many: fewer take less time than beginning, more leave
other workers idle in the end."""


def share(left: int, workers: int) -> int:
    """How many of the cells left of a kin a worker gets at once: a fair share, so that shares become smaller towards
    the end (guided self-scheduling)."""
    return min(left, max(FEWEST, min(MOST, -(-left // workers))))


@dataclass
class Driver:
    """One driver's view of a suite."""

    cells: Sequence[Cell]
    results: Path
    executor: Executor
    equipment: Equipment = field(default_factory=Equipment)
    retries: int = 2
    """Attempts at a cell after one that failed."""
    tell: Callable[[str, Cell, str], None] = lambda what, cell, reason: None
    """Is told what happened to a cell: "begun", "done", "failed", "retried", "stopped"."""
    tick: Callable[[], None] = lambda: None
    """Called every TICK seconds or more often."""
    failed: list[Cell] = field(default_factory=list)

    def run(self) -> None:
        """Returns when every cell is done, has failed, or waits for one that has. Raises Interrupted after SIGINT or
        SIGTERM, when the cells at work have saved and ended."""
        self._open = {cell.name: cell for cell in self.cells if not cell.is_done(self.results)}
        self._at_work: dict[str, list[Cell]] = {}
        self._alone: set[str] = set()
        self._attempts: Counter[str] = Counter()
        self._rests: dict[str, float] = {}
        with stop_signals() as stopped:
            try:
                while (self._open or self._at_work) and not stopped:
                    self._begin()
                    if not self._at_work and self._is_stuck():
                        break
                    for name, ending in self.executor.wait(TICK):
                        cells = self._at_work.pop(name)
                        for cell in cells:
                            self._settle(cell, ending, is_alone=len(cells) == 1)
                    self.tick()
                self.executor.stop()
            except HarnessError:
                self.executor.stop()  # the cells at work are sound: they save first
                raise
            except BaseException:
                self.executor.kill()
                raise
        if stopped:
            raise Interrupted("stopped; every cell has saved its state.")

    def _begin(self) -> None:
        """Hands over as many cells as there is room for."""
        jobs: list[tuple[str, Job]] = []
        workers = self.executor.room + len(self._at_work)
        for cell in list(self._open.values()):
            if len(jobs) == self.executor.room:
                break
            if isinstance(cell, Selection):
                self._decide(cell)
            elif cell.name in self._open and self._is_free(cell):
                cells = [cell, *self._others(cell, workers)]
                for each in cells:
                    del self._open[each.name]
                    self.tell("begun", each, "")
                self._at_work[cell.name] = cells
                jobs.append((cell.name, self._job(cells)))
        if jobs:
            self.executor.submit(jobs)

    def _others(self, first: Cell, workers: int) -> list[Cell]:
        """The cells that its worker does with it: a share of those left of its kin, without those that failed so."""
        if first.kin is None or first.name in self._alone:
            return []
        kin = [cell for cell in self._open.values() if cell.kin == first.kin and cell.name not in self._alone]
        free = (cell for cell in kin if cell is not first and self._is_free(cell))
        return list(islice(free, share(len(kin), workers) - 1))

    def _decide(self, cell: Selection) -> None:
        """Takes a moment, and is done here."""
        if cell.may_begin(self.results):
            with self._answering(cell):
                cell.decide(self.results)
                self._forget_failure(cell)
                self.tell("done", self._open.pop(cell.name), "")

    def _job(self, cells: Sequence[Cell]) -> Job:
        request, log = request_of(cells, self.results, self.equipment), log_of(cells[0], self.results)
        return Job(request, str(log), os.getcwd(), plugin_names())

    def _is_free(self, cell: Cell) -> bool:
        """Whether it may begin now, as if it had never failed. One that somebody else has done is struck off."""
        if self._rests.get(cell.name, 0.0) > time.monotonic() or not cell.may_begin(self.results):
            return False
        if cell.is_done(self.results):
            self.tell("done", self._open.pop(cell.name), "by another process")
            return False
        with self._answering(cell):
            if owner(cell.workplace(self.results)) is None:
                self._forget_failure(cell)
                return True
            self._rests[cell.name] = time.monotonic() + REST
        return False

    @contextmanager
    def _answering(self, cell: Cell) -> Iterator[None]:
        """What goes wrong within is this cell's failure, which another attempt would meet again."""
        try:
            yield
        except HarnessError as error:
            self._give_up(self._open.pop(cell.name), str(error))

    def _forget_failure(self, cell: Cell) -> None:
        """Deletes what an earlier driver has written of it. Raises HarnessError."""
        path = failure_of(cell, self.results)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise HarnessError(f"{path} cannot be deleted: {error.strerror}; delete it to go on.") from None

    def _settle(self, cell: Cell, ending: Ending, is_alone: bool) -> None:
        if (ending.how == "done" or not is_alone) and cell.is_done(self.results):
            self.tell("done", cell, "")
            return
        if ending.how == "busy":
            self._rests[cell.name] = time.monotonic() + REST
        elif ending.how == "stopped":
            self.tell("stopped", cell, "")
        elif not is_alone:  # whose failure it was shows when each is tried by itself
            self._alone.add(cell.name)
            self.tell("retried", cell, ending.reason)
        else:
            self._attempts[cell.name] += 1
            reason = ending.reason or "it ended without a result"
            if ending.how == "lost" or self._attempts[cell.name] > self.retries:
                self._give_up(cell, reason)
                return
            self.tell("retried", cell, reason)
        self._open[cell.name] = cell

    def _give_up(self, cell: Cell, reason: str) -> None:
        failure = {"reason": reason, "attempts": self._attempts[cell.name], "log": log_of(cell, self.results).name}
        path = failure_of(cell, self.results)
        with suppress(HarnessError):  # it is told all the same
            make_folder(path.parent)
            write_json(path, failure)
        self.failed.append(cell)
        self.tell("failed", cell, reason)

    def _is_stuck(self) -> bool:
        """Whether all that is left waits for cells that have failed, or for others that do."""
        lost = {cell.name for cell in self.failed}
        for cell in self._open.values():
            if lost.intersection(cell.waits_for):
                lost.add(cell.name)
        return lost.issuperset(self._open)
