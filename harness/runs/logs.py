"""The logger `harness`: what a program that uses the harness listens to, and where the command line has its lines from.

Lines of progress have the level INFO, notices WARNING. Nothing is written unless somebody asks for it:

    logging.basicConfig(level=logging.INFO)
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOGGER = logging.getLogger("harness")
LOGGER.addHandler(logging.NullHandler())

EVERY = 1.0
"""Seconds between two lines of progress at least: a search on a table has hundreds of epochs in one."""


class Paced(logging.Handler):
    """Writes to standard error, one line of progress in EVERY seconds; the newest of those held back when it is closed.
    What matters more is written at once. A standard error that cannot be written is no reason to end a search."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        self._held: str | None = None
        self._written = -math.inf

    def emit(self, record: logging.LogRecord) -> None:
        line, now = self.format(record), time.monotonic()
        if record.levelno > logging.INFO:
            _write(line)
        elif now - self._written < EVERY:
            self._held = line
        else:
            self._held, self._written = None, now
            _write(line)

    def close(self) -> None:
        if self._held is not None:
            _write(self._held)
            self._held = None
        super().close()


def _write(line: str) -> None:
    with suppress(OSError, ValueError):  # ValueError: it is closed
        print(line, file=sys.stderr, flush=True)


@contextmanager
def on_stderr() -> Iterator[None]:
    """Meanwhile the logger's lines go to standard error, paced."""
    handler, level = Paced(), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
        handler.close()
