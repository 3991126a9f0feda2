"""Runs of the harness in processes of their own, to be killed, starved and compared.

A process is a fork of this one, which has torch loaded; one that starts afresh takes seconds to import it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.core.types import TIMINGS

PRELOADED = (
    "harness.cli",
    "harness.commands.evaluate",
    "harness.commands.run",
    "harness.evaluation.evaluate",
    "harness.runs.runner",
    "harness.runs.progress",
    "spaces.drawing",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "torch.fx.experimental.symbolic_shapes",  # by torch.autograd.grad
)
"""What a run imports: imported here once, not in every child."""
PATIENCE = 120.0
"""Seconds until a child that should have got somewhere is given up."""


@dataclass(frozen=True)
class Ended:
    """What became of a process. `code` is the negative number of the signal that killed it, or the exit code."""

    code: int
    out: str
    err: str


class Child:
    """A call in a forked process. Its exit code is 0, what the call passes to sys.exit, or 70 after a traceback."""

    def __init__(self, call: Callable[[], object]) -> None:
        for name in PRELOADED:
            importlib.import_module(name)
        self._out, self._err = (tempfile.TemporaryFile("w+") for _ in range(2))  # noqa: SIM115 - closed by wait
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: pytest-xdist's idle thread stays behind
            self.pid = os.fork()
        if self.pid == 0:
            os._exit(self._work(call))

    def _work(self, call: Callable[[], object]) -> int:
        try:
            os.dup2(self._out.fileno(), 1)
            os.dup2(self._err.fileno(), 2)
            sys.stdout, sys.stderr = self._out, self._err
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(int(PATIENCE))  # lest it outlive a test that failed
            warnings.resetwarnings()
            call()
            code: Any = 0
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            traceback.print_exc()
            code = 70
        self._out.flush()
        self._err.flush()
        return code if isinstance(code, int) else 1

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Until it happened, or the child ended."""
        deadline = time.monotonic() + PATIENCE
        while not happened() and not self.ended():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.002)

    def ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> Ended:
        _, status = os.waitpid(self.pid, 0)
        texts = []
        for file in (self._out, self._err):
            file.seek(0)
            texts.append(file.read())
            file.close()
        return Ended(os.waitstatus_to_exitcode(status), *texts)


def forked(call: Callable[[], object]) -> Ended:
    return Child(call).wait()


def die() -> None:
    """What `kill -9` does, or a power cut: nothing more is executed."""
    os.kill(os.getpid(), signal.SIGKILL)


TINY = ("--epochs", "1", "--set", "images=32", "--set", "batch=8")
"""With these a search of DARTS is two weight steps, the second of which ends it."""


def run_arguments(results: Path, *more: str, method="darts-1st", space="nasbench201", dataset="digits") -> list[str]:
    """A `harness run` of some tenths of a second that saves after every step."""
    names = ("--method", method, "--space", space, "--dataset", dataset)
    return ["run", *names, "--protocol", "smoke", "--results", str(results), "--checkpoint-seconds", "0", *more]


def harness(arguments: list[str]) -> Callable[[], object]:
    """The command line, to be called in a child."""
    from harness.cli import main

    return functools.partial(main, arguments, prog_name="harness")


def run_folder(results: Path) -> Path:
    """The only one."""
    (spec,) = results.glob("*/*/spec.json")
    return spec.parent


def end(folder: Path) -> dict[str, Any]:
    """Everything that a finished run leaves and that must be the same bits each time: all but times and memory."""
    result = json.loads((folder / "result.json").read_text())
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    state = torch.load(folder / "checkpoint.pt", weights_only=True)["state"]
    return {"result": _bits(result), "records": _bits(records), "state": _bits(state)}


def _bits(value: Any) -> Any:
    """Without the fields of a cost that differ between identical runs; tensors as digests of their bytes."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), hashlib.sha256(value.numpy().tobytes()).hexdigest()
    if isinstance(value, dict):
        return {key: _bits(entry) for key, entry in value.items() if key not in TIMINGS}
    return [_bits(entry) for entry in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below, with its time of change."""
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes()) for p in _files(folder)}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


class Disk:
    """Counts this process's openings, writes, flushes and renames, and calls `strike` in place of the `fatal`-th.

    A write that is struck has written half. Install it in a child: nothing undoes it.
    """

    def __init__(self, strike: Callable[[], object] = die, fatal: int = -1) -> None:
        self.strike, self.fatal, self.seen = strike, fatal, []

    def install(self) -> None:
        from harness.core import files

        files.open = lambda path, mode: self._open(path, mode)
        for name in ("fsync", "replace"):
            setattr(os, name, self._struck(name, getattr(os, name)))

    def _count(self, name: str) -> bool:
        """Whether this one is struck."""
        self.seen.append(name)
        return len(self.seen) - 1 == self.fatal

    def _struck(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any) -> Any:
            if self._count(f"{name} {Path(arguments[-1]).name if name == 'replace' else ''}"):
                self.strike()
            return real(*arguments)

        return instead

    def _open(self, path: Path, mode: str) -> Any:
        if self._count(f"open {path.name}"):
            self.strike()
        file = open(path, mode)  # noqa: SIM115 - closed by the writer
        real = file.write

        class Writer:
            def __enter__(writer) -> Any:
                return writer

            def __exit__(writer, *exception: Any) -> None:
                file.close()

            def write(writer, data: bytes) -> None:
                if self._count(f"write {path.name}"):
                    real(data[: len(data) // 2])
                    file.flush()
                    self.strike()
                real(data)

            def __getattr__(writer, name: str) -> Any:
                return getattr(file, name)

        return Writer()


def timed(command: list[str]) -> tuple[subprocess.CompletedProcess[str], float]:
    """What a command did, and the CPU seconds that it took: the machine's other work does not count."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done, spent() - before
