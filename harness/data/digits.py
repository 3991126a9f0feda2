"""scikit-learn's digits: the data set that needs no download."""

from __future__ import annotations

from importlib.metadata import distribution

import numpy as np
import torch

from harness.data.source import Source, in_memory

TRAIN_SHARE = 0.8
"""The first 80 % of scikit-learn's digits are for training."""
SIDE, GREYEST = 8, 16


def read_digits() -> Source:
    """Grey values 0 to 16 scaled to 0 to 255, in three equal channels."""
    file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    rows = np.loadtxt(str(file), delimiter=",")  # as load_digits does; scikit-learn takes a second to import
    images, target = rows[:, :-1].reshape(-1, SIDE, SIDE), rows[:, -1].astype(np.int64)
    pixels = torch.from_numpy(images * 255 / GREYEST).round().to(torch.uint8)[:, None].repeat(1, 3, 1, 1)
    labels = torch.from_numpy(target)
    cut = int(TRAIN_SHARE * len(labels))
    names = tuple(str(digit) for digit in range(10))
    return Source(names, in_memory(pixels[:cut], labels[:cut]), lambda: in_memory(pixels[cut:], labels[cut:]))
