"""A worker of the local executor: reads jobs, one a line, does each in a fork of itself, and writes how it ended.

It has imported what a cell needs and touched no device, so a fork starts in milliseconds, with memory of its own and no
device yet; whatever happens to a cell, the next one finds the worker as it was. A worker ends with its runner, whose
death closes the pipe, and a cell with its worker, by a signal that the kernel sends: the cell saves first.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import select
import signal
import warnings
from dataclasses import asdict

from harness.core.path import current_folder_last

current_folder_last()  # before the rest is imported: the current folder may hold a package of one of its names
from harness.suite.job import Ending, Job, do  # noqa: E402

PRELOADED = (
    "harness.suite.work",
    "harness.data.loading",
    "methods.method",
    "spaces.drawing",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
)
"""What cells import, besides the parts of their methods."""
SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""
ORDERS = 0
"""The descriptor of the pipe from the runner: standard input."""


def main() -> None:
    """Works until the runner closes the pipe."""
    reports = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no report
    prepare()
    pending = b""
    while piece := os.read(ORDERS, 65536):
        pending += piece
        if pending.endswith(b"\n"):
            ending = _in_a_fork(Job.from_json(json.loads(pending)))
            if ending is None:
                return
            pending = b""
            os.write(reports, json.dumps(asdict(ending)).encode() + b"\n")


def prepare() -> None:
    """Does once what every cell would do first: imports, and reading what searches are made of."""
    for name in PRELOADED:
        importlib.import_module(name)
    from harness.runs.code import code_of
    from methods.families import SEARCHES, all_parts

    code_of([*SEARCHES, *(part for _, part in all_parts())])


def _in_a_fork(job: Job) -> Ending | None:
    """How the job ended; None where the runner has gone, after the job has been told to stop and has."""
    reader, writer = os.pipe()
    worker = os.getpid()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: the BLAS has threads, which fork handles
        child = os.fork()
    if child == 0:
        os.close(reader)
        _do(job, writer, worker)
    os.close(writer)
    try:
        ready, _, _ = select.select([reader, ORDERS], [], [])
        gone = reader not in ready
        if gone:
            os.kill(child, signal.SIGTERM)
        report = b"".join(iter(lambda: os.read(reader, 65536), b""))
    finally:
        os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if gone:
        return None
    return Ending(**json.loads(report)) if report else _cut_short(status)


def _do(job: Job, writer: int, worker: int) -> None:
    """In the child: never returns."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() == worker:  # else it died before it could be watched
            os.dup2(os.open(os.devnull, os.O_RDONLY), ORDERS)
            os.write(writer, json.dumps(asdict(do(job))).encode())
            code = 0
    finally:
        os._exit(code)


def _cut_short(status: int) -> Ending:
    if status < 0:
        hint = "; is memory short?" if -status == signal.SIGKILL else ""
        return Ending("failed", f"killed by {signal.Signals(-status).name}{hint}")
    return Ending("failed", f"ended with exit code {status}")


if __name__ == "__main__":
    main()
