"""Checks, each in a process of its own: one that fails, crashes or hangs takes no other with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

OK, FAILED, LEFT_OUT = "ok", "FAILED", "left out"
LEAST = 1.0
"""Seconds without which a check is not begun."""


class Told(NamedTuple):
    """What a check found: in a few words, of one or more lines, and all of it, as JSON can hold it."""

    words: str
    facts: Any


class Unmet(Exception):
    """What was found is not what it should be."""

    def __init__(self, told: Told) -> None:
        super().__init__(told.words)
        self.told = told


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[], Told]
    seconds: float
    """After so many its process is killed."""


class Found(NamedTuple):
    name: str
    state: str
    """OK, FAILED or LEFT_OUT."""
    seconds: float
    words: str
    facts: Any = None
    traceback: str = ""


class _Running(NamedTuple):
    check: Check
    process: Any
    began: float
    end: float

    def stop(self) -> None:
        """Kills the process and all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()


def carried_out(checks: Sequence[Check], seconds: float, at_once: int = 1) -> Iterator[Found]:
    """What each found, as it ends; so many are at work at once. After so many seconds none goes on."""
    waiting, running, end = deque(checks), dict[Connection, _Running](), time.monotonic() + seconds
    while waiting or running:
        while waiting and len(running) < at_once:
            check, now = waiting.popleft(), time.monotonic()
            if end - now < LEAST:
                yield Found(check.name, LEFT_OUT, 0.0, "there was no time left for it")
                continue
            receiver, process = _begun(check)
            running[receiver] = _Running(check, process, now, min(now + check.seconds, end))
        if not running:
            return
        soonest = min(work.end for work in running.values())
        over = wait(list(running), max(0.0, soonest - time.monotonic()))
        for receiver in [*running]:
            if receiver in over or time.monotonic() > running[receiver].end:
                yield _ended(running.pop(receiver), receiver, receiver in over)


def _begun(check: Check) -> tuple[Connection, Any]:
    """A fork of this process, which has loaded everything and has not touched a GPU yet."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(check, sender))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forks beside threads, of which there are none that matter
        process.start()
    sender.close()
    return receiver, process


def _work(check: Check, sender: Connection) -> None:
    with suppress(PermissionError):  # it leads a session already
        os.setsid()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        state, words, facts, trace = _said(check)
    noticed = dict.fromkeys(f"warned: {one.message}".splitlines()[0][:200] for one in warned)
    sender.send((state, "\n".join([words, *noticed]), facts, trace))


def _said(check: Check) -> tuple[str, str, Any, str]:
    try:
        return OK, *check.run(), ""
    except Unmet as unmet:
        return FAILED, *unmet.told, ""
    except BaseException as error:
        last = traceback.format_exception_only(error)[-1].strip()
        return FAILED, last, None, traceback.format_exc()


def _ended(work: _Running, receiver: Connection, spoke: bool) -> Found:
    seconds = time.monotonic() - work.began
    said = (FAILED, f"killed after {seconds:.0f} s, the time that it has", None, "")
    if spoke:
        try:
            said = receiver.recv()
        except EOFError:
            work.process.join()
            said = (FAILED, f"its process ended with {work.process.exitcode} and told nothing", None, "")
    work.stop()
    receiver.close()
    state, words, facts, trace = said
    return Found(work.check.name, state, seconds, words, facts, trace)


def table(found: Sequence[Found]) -> str:
    """A line or more for each: its name, its state, its seconds, what it found."""
    width = max((len(one.name) for one in found), default=0)
    lines = []
    for one in found:
        first, *more = one.words.splitlines() or [""]
        lines.append(f"{one.name:{width}}  {one.state:8}  {one.seconds:6.1f} s  {first}")
        lines += [f"{'':{width + 22}}{line}" for line in more]
    return "\n".join(lines)
