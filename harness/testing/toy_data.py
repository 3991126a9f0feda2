"""A tiny data set that can be learnt."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

CLASSES = 4
SIZE = 8


class ToyPart:
    """Images whose class is the quadrant that is bright, in noise."""

    def __init__(self, count: int, seed: int, device: str = "cpu") -> None:
        self.device = device
        draw = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(CLASSES, (count,), generator=draw)
        self.images = 0.3 * torch.randn(count, 3, SIZE, SIZE, generator=draw)
        half = SIZE // 2
        for image, label in zip(self.images, self.labels.tolist(), strict=True):
            top, left = half * (label // 2), half * (label % 2)
            image[:, top : top + half, left : left + half] += 1

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Tensor, augment: Generator | None) -> tuple[Tensor, Tensor]:
        images = self.images[indices]
        if augment is not None:
            images = images + 0.05 * torch.randn(images.shape, generator=augment)
        images = images.contiguous(memory_format=torch.channels_last)
        return images.to(self.device), self.labels[indices].to(self.device)


class ToyDataset:
    """Two halves of so many images each: the `Dataset` of harness.core.types."""

    name, classes, image_size = "toy", CLASSES, SIZE

    def __init__(self, count: int = 28, device: str = "cpu") -> None:
        self.count, self.device = count, device

    def to(self, device: str) -> ToyDataset:
        return ToyDataset(self.count, device)

    def halves(self, portion: float, images: int, normalisation: str, split_file: str) -> tuple[ToyPart, ToyPart]:
        return ToyPart(self.count, 1, self.device), ToyPart(self.count, 2, self.device)
