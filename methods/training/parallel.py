"""Candidates side by side: each on a scratch copy and in a thread of its own, with the values of one after the other.

A supernet's kernels are too small to keep the cores of a CPU busy one at a time, and torch lets go of the interpreter
while one runs. So the threads that one candidate would have had are divided among all. How many of them a kernel runs
on decides the last bits of its sums; therefore a candidate always gets (threads of the process) // (candidates) of
them, at least one, however many candidates run at a time. Memory decides that number, and it changes no bit. On a GPU
one candidate runs after the other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

import torch
from torch import Tensor

from harness.core.memory import available_memory
from methods.training.saved_activations import SavedActivations
from methods.training.weights import FlatModel

RESERVE = 1.5
"""What a candidate needs over the activations that it keeps: gradients on their way, workspaces (choice)."""

T = TypeVar("T")


def in_parallel(
    score: Callable[[FlatModel, Tensor], T], scratch: FlatModel, alphas: Tensor, activations: Callable[[], int]
) -> list[T]:
    """score(a copy of `scratch` that nobody else uses, alpha) for every alpha (n, d), in order.

    `activations()` is the number of bytes that one of them keeps; it is asked for once for a scratch copy.
    """
    if scratch.weights.is_cuda or len(alphas) == 0:
        return [score(scratch, alpha) for alpha in alphas]
    threads = torch.get_num_threads()
    each = max(1, threads // len(alphas))
    wanted = min(len(alphas), threads // each)
    if wanted > 1 and scratch.copies_that_fit is None:
        scratch.copies_that_fit = available_memory() / (RESERVE * activations())
    workers = max(1, int(min(wanted, scratch.copies_that_fit or 0.0)))
    free: SimpleQueue[FlatModel] = SimpleQueue()
    for copied in [scratch, *(_copy(scratch) for _ in range(workers - 1))]:
        free.put(copied)

    def work(alpha: Tensor) -> T:
        model = free.get()
        try:
            return score(model, alpha)
        finally:
            free.put(model)

    try:
        with ThreadPoolExecutor(workers, initializer=lambda: torch.set_num_threads(each)) as pool:
            return list(pool.map(work, alphas))
    finally:
        torch.set_num_threads(threads)  # threads that start later inherit the last number set


def _copy(model: FlatModel) -> FlatModel:
    return FlatModel(copy.deepcopy(model.module), model.weights.device, model.arithmetic)


def kept_for_backward(work: Callable[[], Tensor]) -> int:
    """Bytes of the tensors that autograd keeps at most between forwards and their backwards, parameters included."""
    with SavedActivations() as saved:
        work()
    return saved.peak
