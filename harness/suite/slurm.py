"""The Slurm executor, through submitit: cells as the tasks of an array.

The nodes share the results folder and have the harness installed. Jobs outlive the process that handed them over, which
finds them again by the folders that they own.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, UncompletedJobError
from submitit.helpers import DelayedSubmission

from harness.core.errors import HarnessError
from harness.suite.job import Ending, Job, do
from harness.suite.local import THREADS, environments

POLL = 0.2
"""Seconds between two looks at the jobs."""
DEFAULTS = {"timeout_min": 24 * 60, "cpus_per_task": 1}
"""Of a job; `--option NAME=VALUE` sets these and others, by submitit's names."""


class Preemptible:
    """A job that saves when it is preempted or runs out of its time, and is queued again."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self) -> Ending:
        requeue: Any = signal.getsignal(signal.SIGUSR2)  # submitit's answer to what Slurm announces
        ignored = signal.getsignal(signal.SIGTERM)
        announced: list[int] = []

        def save_first(number: int, frame: FrameType | None) -> None:
            if signal.getsignal(signal.SIGTERM) is ignored:  # not searching yet, or not any more
                requeue(number, frame)
            announced.append(number)
            os.kill(os.getpid(), signal.SIGTERM)

        signal.signal(signal.SIGUSR2, save_first)
        ending = do(self.job)
        if announced and ending.how == "stopped":
            requeue(announced[0], None)
        return ending

    def checkpoint(self) -> DelayedSubmission:
        """What is queued again: the same, for the state is in the run folder."""
        return DelayedSubmission(self)


class SlurmExecutor:
    """Jobs of one array for every hand-over, a GPU each unless the device is the CPU."""

    def __init__(self, folder: Path, workers: int | None, device: str, options: Mapping[str, Any]) -> None:
        """`folder` holds submitit's own files. `options` are submitit's; cluster="local" runs jobs here, without Slurm.

        Raises HarnessError where there is no Slurm, or for an option that submitit does not know.
        """
        chosen = {**DEFAULTS, **options}
        cluster = str(chosen.pop("cluster", "slurm"))
        if cluster == "slurm" and shutil.which("sbatch") is None:
            raise HarnessError("there is no Slurm here: sbatch is not found. Use --executor local, or a login node.")
        gpu = len(environments(device, None)[0].get("CUDA_VISIBLE_DEVICES", "")) > 0 if cluster == "local" else True
        self.at_once = sys.maxsize if cluster == "slurm" else workers or len(environments(device, workers))
        os.environ.setdefault(THREADS[0], str(chosen["cpus_per_task"]))  # which jobs inherit
        try:
            self._executor = submitit.AutoExecutor(folder / "%j", cluster=cluster)
            self._executor.update_parameters(
                name="harness",
                gpus_per_node=1 if gpu and device != "cpu" else 0,
                **({"slurm_array_parallelism": workers} if workers and cluster == "slurm" else {}),
                **chosen,
            )
        except (NameError, TypeError, ValueError, RuntimeError) as error:
            raise HarnessError(f"submitit refuses the options: {str(error).splitlines()[0]}") from None
        self._running: dict[str, submitit.Job[Ending]] = {}

    @property
    def room(self) -> int:
        return self.at_once - len(self._running)

    def submit(self, jobs: Sequence[tuple[str, Job]]) -> None:
        with self._executor.batch():
            submitted = {name: self._executor.submit(Preemptible(job)) for name, job in jobs}
        self._running |= submitted

    def wait(self, seconds: float) -> list[tuple[str, Ending]]:
        deadline = time.monotonic() + seconds
        while not (ended := [name for name, job in self._running.items() if job.done()]):
            if time.monotonic() > deadline:
                return []
            time.sleep(POLL)
        return [(name, _ending(self._running.pop(name))) for name in ended]

    def stop(self) -> None:
        for job in self._running.values():
            job.cancel()
        while self._running:
            self.wait(POLL)

    def kill(self) -> None:
        for job in self._running.values():
            job.cancel()


def _ending(job: submitit.Job[Ending]) -> Ending:
    try:
        return job.result()
    except (FailedJobError, UncompletedJobError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return Ending("failed", lines[0] if lines else type(error).__name__)
