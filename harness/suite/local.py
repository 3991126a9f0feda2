"""The local executor: one worker process per GPU, or CPU workers that share the cores."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from typing import IO

from harness.core.errors import HarnessError, quoted
from harness.suite.job import Ending, Job

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""How many threads libraries use; they read it when they load."""


def environments(device: str, workers: int | None) -> list[dict[str, str]]:
    """One set of environment variables per worker: a GPU each, or a share of the cores.

    Raises HarnessError where GPUs are asked for and there are none, or fewer than workers, and where OMP_NUM_THREADS is
    no number.
    """
    gpus = _gpus() if device != "cpu" else []
    if device.startswith("cuda") and not gpus:
        raise HarnessError(f"device {quoted(device)} is not here: PyTorch sees no CUDA device. Use --device cpu.")
    if gpus:
        if workers is not None and workers > len(gpus):
            raise HarnessError(f"{workers} workers are more than the {len(gpus)} GPUs, of which each takes one.")
        return [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus[:workers]]
    cores = len(os.sched_getaffinity(0))
    count = workers or cores
    threads = str(wanted_threads() or max(1, cores // count))
    return [dict.fromkeys(THREADS, threads)] * count


def wanted_threads() -> int | None:
    """As OMP_NUM_THREADS says, of a list the first, which is for the outermost level; None where it says nothing.
    Raises HarnessError where it is no number."""
    said = os.environ.get(THREADS[0], "")
    first = said.partition(",")[0].strip()
    if first and not (first.isdecimal() and int(first)):
        raise HarnessError(f"{THREADS[0]} is {quoted(said)} and must be a number of threads; change it, or unset it.")
    return int(first) if first else None


def _gpus() -> list[str]:
    """The GPUs that PyTorch sees, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (visible.split(",") if visible else [str(number) for number in range(count)])[:count]


class Worker:
    """A process of `harness.suite.worker` in an environment: started when first needed, and again after a death."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.name: str | None = None
        """Of the job that it is at."""
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self, name: str, job: Job) -> None:
        """Hands over a job."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "harness.suite.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **self.environment},
                start_new_session=True,  # Ctrl-C is for the runner, which then asks the workers to end
            )
        self.name = name
        with suppress(BrokenPipeError):  # it has died, which its reports say
            _pipe(self.process.stdin).write(json.dumps(job.to_json()).encode() + b"\n")
            _pipe(self.process.stdin).flush()

    @property
    def reports(self) -> IO[bytes]:
        assert self.process is not None
        return _pipe(self.process.stdout)

    def ending(self) -> Ending:
        """How its job ended; waits for that."""
        report = self.reports.readline()
        self.name = None
        if report:
            return Ending(**json.loads(report))
        assert self.process is not None
        code = self.process.wait()
        self.forget()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return Ending("failed", f"the worker {how}")

    def close(self) -> None:
        """No more jobs; the one that it is at is told to save and end."""
        if self.process is not None:
            with suppress(BrokenPipeError):
                _pipe(self.process.stdin).close()

    def forget(self) -> None:
        """Waits for its end."""
        if self.process is not None:
            self.close()
            self.process.wait()
            _pipe(self.process.stdout).close()
            self.name = self.process = None

    def kill(self) -> None:
        """Ends it, and the job that it is at."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class LocalExecutor:
    """Jobs on this machine, one at a time in each environment."""

    def __init__(self, environments: Sequence[Mapping[str, str]]) -> None:
        self.workers = [Worker(environment) for environment in environments]

    @property
    def room(self) -> int:
        return sum(worker.name is None for worker in self.workers)

    def submit(self, jobs: Sequence[tuple[str, Job]]) -> None:
        idle = (worker for worker in self.workers if worker.name is None)
        for worker, (name, job) in zip(idle, jobs, strict=False):
            worker.begin(name, job)

    def wait(self, seconds: float) -> list[tuple[str, Ending]]:
        busy = [worker for worker in self.workers if worker.name is not None]
        with DefaultSelector() as selector:
            for worker in busy:
                selector.register(worker.reports, EVENT_READ, worker)
            ended = [key.data for key, _ in selector.select(seconds)]
        return [(worker.name, worker.ending()) for worker in ended]

    def stop(self) -> None:
        for worker in self.workers:
            worker.close()
        for worker in self.workers:
            worker.forget()

    def kill(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.stop()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
