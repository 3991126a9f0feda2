"""Made images of checkers: the class is the size of the squares."""

from pathlib import Path

import torch
from torch import Tensor

from harness.data.source import Source, in_memory

SIDES = (1, 2, 4)
SIZE = 8


class Checkers:
    """Checkers that begin anywhere, in noise."""

    summary = "made checkers in noise: 300 + 60 grey images of 8x8, 3 classes (no download)"

    def read(self, root: Path, download: bool) -> Source:
        train, test = checkers(300, seed=0), checkers(60, seed=1)
        return Source(("fine", "middling", "coarse"), in_memory(*train), lambda: in_memory(*test))


def checkers(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pixels (count, 3, 8, 8), uint8, and labels (count,), int64."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(SIDES), (count,), generator=draw)
    begin = torch.randint(SIZE, (2, count, 1, 1), generator=draw)
    side = torch.tensor(SIDES)[labels].view(count, 1, 1)
    rows = (torch.arange(SIZE)[:, None] + begin[0]) // side
    columns = (torch.arange(SIZE)[None, :] + begin[1]) // side
    values = 60 + 140 * ((rows + columns) % 2) + 20 * torch.randn(count, SIZE, SIZE, generator=draw)
    return values.clamp(0, 255).byte()[:, None].repeat(1, 3, 1, 1), labels
