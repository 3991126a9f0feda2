"""Passes through a network as CUDA graphs: what a pass launches is recorded once, and from then on launched as a whole.

A pass through a supernet is thousands of kernels on small maps, and the interpreter takes longer to launch one than a
GPU to run it. A recording has no interpreter in it. It reads and writes fixed memory: the inputs of a pass are copied
to where it reads them, its outputs from where it leaves them.

A recording is not trusted. The first pass of a kind runs as it is; the second runs recorded too, and the recording is
used from then on only if all that both have written is equal to the bit. So a search, or the training of a cell, has
the same numbers with and without. Of a recording that cannot be made, or that differs, the user is told, and passes go
on as they are.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

Pass = Callable[..., tuple[Tensor, ...]]
"""From tensors to tensors; it may write others besides."""
SWITCH = "HARNESS_CUDA_GRAPHS"
"""The environment variable that is 0 where nothing shall be recorded."""


def wanted(device: torch.device | str) -> bool:
    """Whether passes on this device are recorded."""
    return torch.device(device).type == "cuda" and os.environ.get(SWITCH) != "0"


class Recordings:
    """The recorded passes of networks that take turns, by their kind and the shapes of what they read."""

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()
        self._replays: dict[Hashable, Pass] = {}
        self._given_up = False

    def forget(self) -> None:
        """What was recorded holds no longer: a network's tensors are elsewhere."""
        self._seen.clear()
        self._replays.clear()

    def run(self, kind: Hashable, run: Pass, inputs: Sequence[Tensor], written: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """run(*inputs), or a replay of it. It writes the tensors `written`; passes of one kind launch the same kernels
        where their inputs have the same shapes."""
        if self._given_up:
            return run(*inputs)
        key = kind, tuple((x.shape, x.stride(), x.dtype) for x in inputs)
        if key in self._replays:
            return self._replays[key](*inputs)
        before, outputs = _copies(written), None
        try:
            outputs = run(*inputs)
        except torch.OutOfMemoryError:
            if not self._replays:
                raise
        if outputs is None:  # only here has the failed pass let go of its memory
            self._give_up("they leave other passes too little memory")
            _restore(written, before)
            return run(*inputs)
        if key in self._seen:
            self._prove(key, run, inputs, written, before, outputs)
        self._seen.add(key)
        return outputs

    def _prove(
        self,
        key: Hashable,
        run: Pass,
        inputs: Sequence[Tensor],
        written: Sequence[Tensor],
        before: Sequence[Tensor],
        outputs: Sequence[Tensor],
    ) -> None:
        """Records a pass that has just run, and keeps the recording if it does the same from `before`."""
        after = _copies(written)
        try:
            _restore(written, before)
            replay = record(run, inputs)
            _restore(written, before)
            again = [*replay(*inputs), *written]
        except RuntimeError as error:  # torch.OutOfMemoryError is one
            self._give_up(str(error).partition("\n")[0])
            _restore(written, after)
            return
        if all(map(torch.equal, again, [*outputs, *after])):
            self._replays[key] = replay
        else:
            self._give_up("its numbers are others")
            _restore(written, after)

    def _give_up(self, reason: str) -> None:
        """Lets go of everything recorded, and says so."""
        self.forget()
        self._given_up = True
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        warnings.warn(
            f"passes cannot be recorded as CUDA graphs ({reason}); they go on without, with the same numbers, slower. "
            f"{SWITCH}=0 does not try.",
            stacklevel=3,
        )


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in tensors]


def _restore(written: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(written, values, strict=True):
        tensor.copy_(value)


def record(run: Pass, inputs: Sequence[Tensor]) -> Pass:
    """The replay of run(*inputs) on inputs of the same shapes; `run` is called twice, and its effects are undefined."""
    device = inputs[0].device
    fixed = _copies(inputs)
    graph = torch.cuda.CUDAGraph()
    stream, pool = _place(device)
    with torch.cuda.device(device), torch.cuda.stream(torch.cuda.current_stream()):  # back to it whatever happens
        stream.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(stream):
                run(*fixed)  # what libraries set up in their first call on a stream cannot be recorded
        finally:  # if memory runs out, too: then what it has launched still writes
            torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(graph, pool=pool, stream=stream):
            outputs = run(*fixed)

    def replay(*inputs: Tensor) -> tuple[Tensor, ...]:
        _restore(fixed, inputs)
        graph.replay()
        return tuple(_copies(outputs))  # the next replay of any recording may overwrite them

    return replay


@cache
def _place(device: torch.device) -> tuple[torch.cuda.Stream, Any]:
    """The stream on which everything is recorded on a device, and the memory that all recordings there share: one runs
    at a time, and nothing outlives it in that memory."""
    with torch.cuda.device(device):
        return torch.cuda.Stream(), torch.cuda.graph_pool_handle()
