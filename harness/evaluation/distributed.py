"""One process's share of a training that torchrun spreads over several.

Every process holds the same weights and takes its share of each batch; gradients, statistics and counts are added up
after every step. The weights are one vector, so this is one call, which takes next to nothing beside the step of a
network of a few million weights; torch's DistributedDataParallel would earn nothing by overlapping it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from harness.core.errors import HarnessError, quoted

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others, who may be reading data."""


@dataclass(frozen=True)
class ProcessGroup:
    """Which process of how many this is. Each method must be called by all of them, at the same point."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def part_of(self, rows: Tensor) -> Tensor:
        """This process's part of some rows: every `world`-th."""
        return rows[self.rank :: self.world]

    def sum_(self, tensor: Tensor) -> Tensor:
        """In place, over all processes."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def any(self, flag: bool) -> bool:
        """Whether it is true in any process; it travels on the CPU, so that nobody waits for a GPU."""
        return bool(self.sum_(torch.tensor(int(flag)))) if self.world > 1 else flag

    def broadcast(self, value: Any) -> Any:
        """The leading process's value, in all of them."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]


def processes() -> int:
    """How many torchrun has started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Whether this process is the one that writes files and speaks."""
    return os.environ.get("RANK", "0") == "0"


def local_device(device: str) -> str:
    """The GPU of this process, where torchrun has started several. Raises HarnessError where one is named."""
    if processes() == 1 or device == "cpu":
        return device
    if ":" in device:
        raise HarnessError(
            f"{processes()} processes cannot share {quoted(device)}; use --device cuda, and each has its own."
        )
    return f"{device}:{os.environ['LOCAL_RANK']}"


@contextmanager
def shared(device: str) -> Iterator[ProcessGroup]:
    """Joins the other processes that torchrun has started, if it has, and leaves them at the end."""
    if processes() == 1:
        yield ProcessGroup()
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo", timeout=PATIENCE)
    try:
        yield ProcessGroup(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
