"""One cell, done in this process by what the commands call, too, with all that is said in the cell's log."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.core.errors import HarnessError, Interrupted
from harness.core.path import current_folder_last
from harness.core.registry import add_plugins
from harness.runs.folder import Busy
from harness.suite.logged import logged
from harness.suite.requests import Request, request_from_json, to_json

LONGEST = 500
"""Characters of a reason."""


@dataclass(frozen=True)
class Job:
    """All that a process on any machine needs to do a cell."""

    request: Request
    log: str
    place: str
    """The working directory, which relative paths start from."""
    plugins: tuple[str, ...] = ()
    """What the cell needs that does not ship with the harness; see `harness.core.registry.plugin_names`."""

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "request": to_json(self.request)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Job:
        request, plugins = request_from_json(values["request"]), tuple(values["plugins"])
        return cls(request, values["log"], values["place"], plugins)


@dataclass(frozen=True)
class Ending:
    """How an attempt at a cell ended."""

    how: str
    """"done"; "busy": another process is at it; "stopped": asked to, with the state saved; "failed"; "lost": it died
    once more than the executor replaces what dies."""
    reason: str = ""


def do(job: Job) -> Ending:
    """Does the cell, or what is left of it. Raises nothing: what goes wrong is in the ending and, if that can be
    written, in the log."""
    current_folder_last()
    try:
        os.chdir(job.place)
        with logged(Path(job.log), job.request.title) as log:
            return _ending(job, log)
    except (HarnessError, OSError) as error:
        return Ending("failed", _reason(error))


def _ending(job: Job, log: IO[str]) -> Ending:
    """Raises OSError where the log cannot be written any more."""
    try:
        from harness.suite.work import carry_out  # imports torch, which those who only hand jobs over do without

        add_plugins(job.plugins)
        carry_out(job.request)
    except Busy as busy:
        return Ending("busy", str(busy))
    except (Interrupted, KeyboardInterrupt) as stop:  # Ray cancels a task that is not searching yet by the latter
        print(f"stopped: {stop or 'interrupted.'}", file=log)
        return Ending("stopped")
    except Exception as error:
        traceback.print_exc(file=log)
        print(f"failed: {_reason(error)}", file=log)
        return Ending("failed", _reason(error))
    return Ending("done")


def _reason(error: Exception) -> str:
    """Its first line."""
    message = str(error) or type(error).__name__
    return (message.splitlines() or [""])[0][:LONGEST]
