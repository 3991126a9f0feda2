"""Carries an explicit state machine to its end, through checkpoints that a kill or a signal can be resumed from.

    while not state.stopped_by:
        state = process.advance(state)

is all that a process is; whatever else decides how it goes on is in its state.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol, TypeVar

from harness.core.errors import Interrupted
from harness.runs.folder import RunFolder


class State(Protocol):
    """Where a process is: all of it."""

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        ...

    @property
    def stopped_by(self) -> str:
        """Why the process is over; empty while it is not."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Tensors and plain values only, with a list of plain "records"."""
        ...


SAVE_SECONDS = 1.0
"""A look-up takes a thousandth of what saving it would."""

S = TypeVar("S", bound=State)
Told = TypeVar("Told", bound=State, contravariant=True)


class Process(Protocol[S]):
    """What moves a state on, a step at a time."""

    def advance(self, state: S) -> S:
        """The state after one more step, which may be the old one changed."""
        ...

    def check(self, state: S) -> None:
        """Raises HarnessError where the state is not fit to be saved."""
        ...


class Observer(Protocol[Told]):
    """Is told about the progress of a process."""

    def update(self, state: Told, seconds: float) -> None:
        """After a step that took so many seconds."""
        ...


def run_to_end(
    process: Process[S],
    state: S,
    folder: RunFolder,
    checkpoint_seconds: float,
    observer: Observer[S] | None = None,
    agree: Callable[[bool], bool] = bool,
) -> S:
    """The state at the end, with a checkpoint in `folder` after every epoch and whenever the last one is so old. Epochs
    that are over in less than SAVE_SECONDS share one.

    `agree` is asked after every step whether to stop, given whether this process was told to: where several work on
    one state, they must stop after the same step. Raises Interrupted after SIGINT or SIGTERM, with the state saved.
    """
    saved_at, epoch = time.monotonic(), state.epoch
    with stop_signals() as stopped:
        while not state.stopped_by:
            began = time.monotonic()
            state = process.advance(state)
            now = time.monotonic()
            if observer:
                observer.update(state, now - began)
            over = state.epoch > epoch
            # Asked once: a signal that comes during the save must wait for the next one.
            stopping = agree(bool(stopped))
            due = now - saved_at > (min(SAVE_SECONDS, checkpoint_seconds) if over else checkpoint_seconds)
            if due or stopping or state.stopped_by:
                process.check(state)
                folder.save(state.to_dict())
                saved_at, epoch = time.monotonic(), state.epoch
            if stopping and not state.stopped_by:
                raise Interrupted(f"stopped in epoch {state.epoch + 1}; the state is saved in {folder.path}.")
    return state


_OPEN: list[list[int]] = []
"""What the outermost `stop_signals` has received; empty outside of any."""


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """The first SIGINT or SIGTERM is noted in the list, for the work to end cleanly; a second one acts at once. Within
    another, the list is the same: what stops the whole stops its part, and the other way round."""
    if _OPEN:
        yield _OPEN[0]
        return
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, previous[number])

    previous: dict[int, Any] = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    _OPEN.append(received)
    try:
        yield received
    finally:
        _OPEN.clear()
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def stopped_at_once() -> Iterator[None]:
    """For what may take long and has nothing to save: what `stop_signals` would note ends it. Raises Interrupted, also
    where that has noted something before."""
    if not _OPEN:
        yield
        return
    (received,) = _OPEN

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    noting = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if received:
            raise KeyboardInterrupt
        yield
    except KeyboardInterrupt:
        raise Interrupted("stopped while the data were being read.") from None
    finally:
        for number, handler in noting.items():
            signal.signal(number, handler)
