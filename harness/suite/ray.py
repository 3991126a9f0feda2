"""The Ray executor: every cell a task on a cluster, or on a Ray of this machine's own.

The nodes share the results folder and have the harness installed. A process that dies with its machine is Ray's to
replace; the task finds the checkpoint.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from typing import Any

from harness.core.errors import HarnessError, quoted
from harness.suite.job import Ending, Job, do
from harness.suite.local import THREADS, environments, wanted_threads

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it reports to its makers
import ray
from ray.exceptions import RayError, TaskCancelledError

PATIENCE = 5.0
"""Seconds until an address that does not answer is given up."""
MANY = 1_000_000
"""Room where Ray itself queues what the cluster has no room for."""


class RayExecutor:
    """Jobs as tasks, each with one GPU, or with as many cores as it has threads."""

    def __init__(self, address: str | None, workers: int | None, device: str, retries: int) -> None:
        """`address` of a cluster, as `ray start` prints it, "auto" for the one this machine is part of; None starts a
        Ray here, for as long as this executor lives. Raises HarnessError where it does not answer, or has no GPU and
        one is required."""
        address = address or os.environ.get("RAY_ADDRESS")
        here = environments(device, workers)
        threads = wanted_threads() or (1 if address else int(here[0].get(THREADS[0], "1")))
        if address is None:
            ray.init(
                num_cpus=len(here) * threads, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        else:
            _connect(address)
        gpus = int(ray.cluster_resources().get("GPU", 0)) if device != "cpu" else 0
        if device.startswith("cuda") and not gpus:
            ray.shutdown()
            raise HarnessError(f"device {quoted(device)} is not there: the Ray cluster has no GPU. Use --device cpu.")
        self.at_once = workers or (len(here) if address is None else MANY)
        self._task = ray.remote(
            num_cpus=threads,
            num_gpus=1 if gpus else 0,
            max_calls=1,  # a process of its own, with memory of its own
            max_retries=retries,
            runtime_env={"env_vars": dict.fromkeys(THREADS, str(threads))},
        )(do)
        self._running: dict[Any, str] = {}

    @property
    def room(self) -> int:
        return self.at_once - len(self._running)

    def submit(self, jobs: Sequence[tuple[str, Job]]) -> None:
        for name, job in jobs:
            self._running[self._task.remote(job)] = name

    def wait(self, seconds: float) -> list[tuple[str, Ending]]:
        ready, _ = ray.wait(list(self._running), num_returns=1, timeout=seconds) if self._running else ([], [])
        return [(self._running.pop(task), _ending(task)) for task in ready]

    def stop(self) -> None:
        for task in self._running:
            ray.cancel(task)  # as Ctrl-C, which a search answers by saving
        if self._running:
            ray.wait(list(self._running), num_returns=len(self._running))
        ray.shutdown()

    def kill(self) -> None:
        for task in self._running:
            ray.cancel(task, force=True)
        ray.shutdown()


def _connect(address: str) -> None:
    """Joins a cluster. Raises HarnessError where it does not answer."""
    wrong = HarnessError(f"no Ray cluster answers at {address}; give the address that `ray start` printed, or none.")
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    try:
        if colon:
            socket.create_connection((host, int(port)), timeout=PATIENCE).close()  # Ray itself tries for minutes
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError):  # ConnectionError is an OSError
        raise wrong from None


def _ending(task: Any) -> Ending:
    try:
        return ray.get(task)
    except TaskCancelledError:
        return Ending("stopped")
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return Ending("lost", lines[0] if lines else type(error).__name__)
