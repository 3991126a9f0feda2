"""scikit-learn's digits: the data set that needs no download."""

from __future__ import annotations

import torch

from harness.data.source import Source, in_memory

TRAIN_SHARE = 0.8
"""The first 80 % of scikit-learn's digits are for training."""


def read_digits() -> Source:
    """Grey values 0 to 16 scaled to 0 to 255, in three equal channels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = torch.from_numpy(data.images * 255 / 16).round().to(torch.uint8)[:, None].repeat(1, 3, 1, 1)
    labels = torch.from_numpy(data.target).long()
    cut = int(TRAIN_SHARE * len(labels))
    names = tuple(str(digit) for digit in data.target_names)
    return Source(names, in_memory(pixels[:cut], labels[:cut]), lambda: in_memory(pixels[cut:], labels[cut:]))
