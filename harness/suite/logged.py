"""The log of a cell: what a process says while it works on it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO

from harness.core.errors import HarnessError
from harness.core.files import make_folder


@contextmanager
def logged(path: Path, title: str) -> Iterator[IO[str]]:
    """Under a line with the time and the title, whatever this process says goes to the end of the file, what compiled
    code says included. Raises HarnessError where the file cannot be written."""
    sys.stdout.flush()
    sys.stderr.flush()
    with _opened(path) as log:
        kept = [os.dup(descriptor) for descriptor in (1, 2)]
        try:
            for descriptor in (1, 2):
                os.dup2(log.fileno(), descriptor)
            with redirect_stdout(log), redirect_stderr(log):
                print(f"\n{time.strftime('%Y-%m-%d %H:%M:%S')} {title}")
                yield log
        finally:
            for descriptor, saved in zip((1, 2), kept, strict=True):
                os.dup2(saved, descriptor)
                os.close(saved)


def _opened(path: Path) -> IO[str]:
    make_folder(path.parent)
    try:
        return open(path, "a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise HarnessError(
            f"the log {path} cannot be written: {error.strerror}; move it away, or choose another --results folder."
        ) from None
