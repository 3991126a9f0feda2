"""A dataset: made images, whose class is the direction of their stripes.

harness run --plugin example_name.py --method zarts-mgs --space s1 --dataset example-name --protocol smoke
"""

from pathlib import Path

import torch
from torch import Tensor

from harness.data.source import Source, in_memory

NAMES = ("level", "upright", "rising", "falling")
SIZE = 16
"""Pixels a side: a multiple of 4."""


class Stripes:
    """What is read must be the same every time."""

    summary = "made stripes in noise: 800 + 200 grey images of 16x16, 4 classes (no download)"

    def read(self, root: Path, download: bool) -> Source:
        """The training images in memory, and a way to have the test images. Real images would be kept in `root`."""
        train, test = images(800, seed=0), images(200, seed=1)
        return Source(NAMES, in_memory(*train), lambda: in_memory(*test))


def images(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pixels (count, 3, 16, 16), uint8, and their labels (count,), int64."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(NAMES), (count,), generator=draw)
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    across = torch.stack([rows, columns, rows + columns, rows - columns])[labels]  # (count, 16, 16)
    shift = torch.randint(SIZE, (count, 1, 1), generator=draw)
    values = 128 + 80 * torch.sin((across + shift) * 1.5) + 30 * torch.randn(across.shape, generator=draw)
    return values.clamp(0, 255).byte()[:, None].repeat(1, 3, 1, 1), labels


DATASETS = {"example-name": Stripes}
