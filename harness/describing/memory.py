"""What a method keeps in memory at the size that its settings say, measured on one step of each of its stages."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from harness.core.errors import HarnessError
from harness.core.memory import peak_memory
from harness.core.text import columns
from harness.core.types import Budget
from harness.runs.machine import resolve_device
from methods import METHODS
from methods.search.parts import Parts
from methods.search.search import Search
from spaces import Space

SHORT = {"finetune_steps": 1, "samples": 2, "smallest_radius": 0.1}
"""What one pass keeps depends on none of these; candidates that are scored side by side keep as much each."""


class RandomImages:
    """A data set of random images, to measure steps on: both halves hold `count` of them."""

    name = "random images"

    def __init__(self, count: int, image_size: int = 32, classes: int = 10) -> None:
        self.count, self.image_size, self.classes = count, image_size, classes
        self.device = "cpu"

    def __len__(self) -> int:
        return self.count

    def to(self, device: str) -> RandomImages:
        self.device = device
        return self

    def halves(self, *settings: Any) -> tuple[RandomImages, RandomImages]:
        return self, self

    def batch(self, indices: Tensor, augment: Generator | None) -> tuple[Tensor, Tensor]:
        draw = torch.Generator().manual_seed(0)
        images = torch.randn(len(indices), 3, self.image_size, self.image_size, generator=draw)
        labels = torch.arange(len(indices)) % self.classes
        return images.contiguous(memory_format=torch.channels_last).to(self.device), labels.to(self.device)


def measure(method: str, space: Space, device: str = "auto") -> list[dict[str, Any]]:
    """Stage by stage: `candidates` per edge at most, `saved_activations` of a step that moves alpha where alpha still
    moves, and the `peak_memory` so far, in bytes; `memory_kind` says of what. Raises HarnessError for a method
    without a supernet."""
    device = resolve_device(device)
    parts = METHODS[method].parts(space, Budget(), [SHORT])
    if not isinstance(parts, Parts):
        raise HarnessError(f"{method} trains no supernet on {space.name}; there is nothing to measure.")
    images = RandomImages(max(parts.training.batch, parts.data.valid_batch))
    search, found = Search(parts, space, images, 0, device), []
    state = search.start()
    for epoch in _epochs(search):
        state.epoch, state.step, state.cost.saved_activations = epoch, 0, 0
        state = search.advance(state)
        peak, kind = peak_memory(device)
        found.append(
            {
                "stage": state.stage,
                "candidates": max(map(len, state.kept)),
                "saved_activations": state.cost.saved_activations,
                "peak_memory": peak,
                "memory_kind": kind,
            }
        )
    return found


def _epochs(search: Search) -> list[int]:
    """The first epoch of each stage in which the schedule moves alpha, if it does in any."""
    schedule = search.parts.schedule
    first: dict[int, int] = {}
    for epoch in range(search.epochs):
        stage = schedule.stage(epoch, search.epochs)
        if schedule.trains_alpha(stage.clock) or not schedule.has_alpha:
            first.setdefault(stage.number, epoch)
    return list(first.values())


def table(found: list[dict[str, Any]]) -> list[str]:
    """The measurements as lines."""
    rows = [("stage", "candidates per edge", "saved activations", f"peak memory ({found[0]['memory_kind']})")]
    rows += [
        (str(r["stage"]), str(r["candidates"]), _mib(r["saved_activations"]), _mib(r["peak_memory"])) for r in found
    ]
    return columns(rows)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
