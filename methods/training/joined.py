"""Two parts of a training set as one."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from harness.core.types import Part


class Joined:
    """The images of one part, then those of another."""

    def __init__(self, first: Part, second: Part) -> None:
        self.first, self.second = first, second

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def batch(self, indices: Tensor, augment: Generator | None) -> tuple[Tensor, Tensor]:
        """The images in the order of `indices`; the augmentation is drawn for those of the first part first."""
        of_second = indices >= len(self.first)
        if not of_second.any():
            return self.first.batch(indices, augment)
        if of_second.all():
            return self.second.batch(indices - len(self.first), augment)
        batches = [
            self.first.batch(indices[~of_second], augment),
            self.second.batch(indices[of_second] - len(self.first), augment),
        ]
        place = torch.cat([torch.where(~of_second)[0], torch.where(of_second)[0]]).argsort()
        images, labels = (torch.cat(pieces) for pieces in zip(*batches, strict=True))
        place = place.to(images.device)
        return images[place].contiguous(memory_format=torch.channels_last), labels[place]
