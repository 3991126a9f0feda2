"""A tiny learnable dataset, small settings, and what tests of searches do with states."""

from __future__ import annotations

from dataclasses import replace

import torch

from harness.core.types import TIMINGS
from methods import METHODS
from spaces import SPACES
from spaces.cells import Edge

CLASSES = 4
SIZE = 8
SMALL = {"batch": 8, "valid_batch": 8, "channels": 2, "cells": 3}
ZARTS = {"warmup": 0, "cadence": 2, "finetune_batch": 8, "finetune_steps": 2}


def space_of(widths, targets=None):
    """A space of one cell whose edges have so many operations each; each enters a node of its own, or the named one."""
    targets = targets or range(1, len(widths) + 1)
    edges = [
        Edge(0, target, tuple(f"operation{i}" for i in range(width)))
        for width, target in zip(widths, targets, strict=True)
    ]
    return replace(SPACES["nasbench201"], cells={"cell": tuple(edges)})


class ToyPart:
    """Images whose class is the quadrant that is bright, in noise."""

    def __init__(self, count: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(CLASSES, (count,), generator=draw)
        self.images = 0.3 * torch.randn(count, 3, SIZE, SIZE, generator=draw)
        half = SIZE // 2
        for image, label in zip(self.images, self.labels.tolist(), strict=True):
            top, left = half * (label // 2), half * (label % 2)
            image[:, top : top + half, left : left + half] += 1

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices, augment):
        images = self.images[indices]
        if augment is not None:
            images = images + 0.05 * torch.randn(images.shape, generator=augment)
        return images.contiguous(memory_format=torch.channels_last), self.labels[indices]


class ToyDataset:
    name, classes, image_size = "toy", CLASSES, SIZE

    def __init__(self, count: int = 28) -> None:
        self.count = count

    def to(self, device):
        return self

    def halves(self, portion, images, normalisation, split_file):
        return ToyPart(self.count, 1), ToyPart(self.count, 2)


def small_settings(method: str, space: str, **more):
    """Settings with which a search of this method on this space takes about a second."""
    settings = dict(SMALL) | (ZARTS if METHODS[method].composition.lookahead == "fine-tuned" else {})
    if method.endswith("zarts-gld"):
        settings |= {"smallest_radius": 0.05}
    if method.startswith("pc-"):
        settings |= {"channels": 8, "warmup": 0}  # a quarter of them goes through the operations
    if space == "nasbench201":
        settings |= {"cells": 1}
    return settings | more


def run_to_end(search, state=None):
    """The state at the end of the search, from this state or from the start."""
    state = state or search.start()
    while not state.stopped_by:
        state = search.advance(state)
    return state


def timeless(value):
    """A record, or anything that holds costs, without what differs between two identical runs."""
    if isinstance(value, dict):
        return {key: timeless(entry) for key, entry in value.items() if key not in TIMINGS}
    return [timeless(entry) for entry in value] if isinstance(value, list) else value


def same(a, b) -> bool:
    """Whether two states are equal bit for bit."""

    def equal(x, y):
        if isinstance(x, torch.Tensor):
            return x.dtype == y.dtype and torch.equal(x, y)
        if isinstance(x, dict):
            return x.keys() == y.keys() and all(equal(x[key], y[key]) for key in x)
        if isinstance(x, list):
            return len(x) == len(y) and all(map(equal, x, y))
        return x == y

    return equal(timeless(a.to_dict()), timeless(b.to_dict()))
