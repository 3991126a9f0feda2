"""One cell, done in this process: the command that a user would type, with its output in the cell's log."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click

from harness.runs.folder import Busy

LONGEST = 500
"""Characters of a reason."""


@dataclass(frozen=True)
class Job:
    """All that a process on any machine needs to do a cell."""

    command: tuple[str, ...]
    """Arguments of `harness`."""
    log: str
    place: str
    """The working directory, which relative paths start from."""


@dataclass(frozen=True)
class Ending:
    """How an attempt at a cell ended."""

    how: str
    """"done"; "busy": another process is at it; "stopped": asked to, with the state saved; "failed"; "lost": it died
    once more than the executor replaces what dies."""
    reason: str = ""


def do(job: Job) -> Ending:
    """Does the cell, or what is left of it. Raises nothing: what goes wrong is in the ending and in the log."""
    from harness.cli import main

    os.chdir(job.place)
    with _logged(Path(job.log)) as log:
        print(f"\n{time.strftime('%Y-%m-%d %H:%M:%S')} harness {' '.join(job.command)}", file=log)
        try:
            code = main.main(["--debug", *job.command], prog_name="harness", standalone_mode=False)
        except Busy as busy:
            return Ending("busy", str(busy))
        except click.ClickException as error:
            return _failed(log, error.format_message())
        except Exception as error:
            traceback.print_exc(file=log)
            return _failed(log, str(error) or type(error).__name__)
    return Ending("stopped" if code else "done")


def _failed(log: IO[str], message: str) -> Ending:
    reason = (message.splitlines() or [""])[0][:LONGEST]
    print(f"failed: {reason}", file=log)
    return Ending("failed", reason)


@contextmanager
def _logged(path: Path) -> Iterator[IO[str]]:
    """Whatever this process says goes to the end of the file, what compiled code says included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with open(path, "a", encoding="utf-8", buffering=1) as log:
        kept = [os.dup(descriptor) for descriptor in (1, 2)]
        try:
            for descriptor in (1, 2):
                os.dup2(log.fileno(), descriptor)
            with redirect_stdout(log), redirect_stderr(log):
                yield log
        finally:
            for descriptor, saved in zip((1, 2), kept, strict=True):
                os.dup2(saved, descriptor)
                os.close(saved)
