"""Whether two searches on one GPU, each in a process of its own, do more together than one."""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

from gpu.scale import Scale
from gpu.timing import search_of, waited_for

from harness.runs.machine import deterministic


def gain(scale: Scale) -> dict[str, float]:
    """Steps a second of two at once, over those of one alone. The caller must not have touched the GPU."""
    (alone,), together = _rates(1, scale), _rates(2, scale)
    return {"gain": sum(together) / alone, "alone": alone, "together": sum(together)}


def _rates(count: int, scale: Scale) -> list[float]:
    context = multiprocessing.get_context("fork")
    barrier, queue = context.Barrier(count), context.Queue()
    workers = [context.Process(target=_work, args=(scale, barrier, queue)) for _ in range(count)]
    for worker in workers:
        worker.start()
    found = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    if errors := [one for one in found if isinstance(one, str)]:
        raise RuntimeError(errors[0])
    return found


def _work(scale: Scale, barrier: Any, queue: Any) -> None:
    try:
        queue.put(_steps_a_second(scale, barrier))
    except BaseException as error:
        barrier.abort()
        queue.put(f"{type(error).__name__}: {error}")


def _steps_a_second(scale: Scale, barrier: Any) -> float:
    """All begin to count when the last is warm, and none ends before the last has counted."""
    deterministic()
    search = search_of("darts-1st", "nasbench201", scale)
    state = search.start()

    def steps(count: int) -> None:
        for _ in range(count):
            state.step = 0  # within the epoch
            search.advance(state)
        waited_for(scale.device)

    steps(5)
    barrier.wait()
    began = time.perf_counter()
    steps(scale.steps)
    rate = scale.steps / (time.perf_counter() - began)
    barrier.wait()
    return rate
