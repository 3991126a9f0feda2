"""CIFAR-10's binary version, for those who keep that one: the same images and labels as the python version, in the same
order. A record is a byte for the label and 3 x 32 x 32 for the pixels (https://www.cs.toronto.edu/~kriz/cifar.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets.utils import check_integrity

from harness.core.errors import HarnessError
from harness.data.source import Source, Split, in_memory

FOLDER = "cifar-10-batches-bin"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIZE = 32
TRAIN = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
}
TEST = {"test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d"}
"""Files and their MD5 sums."""


def read_binary(folder: Path) -> Source:
    """Raises HarnessError where a file is absent or not the published one."""
    return Source(CLASSES, _read(folder, TRAIN), lambda: _read(folder, TEST))


def _read(folder: Path, batches: Mapping[str, str]) -> Split:
    for name, digest in batches.items():
        if not check_integrity(folder / name, digest):
            raise HarnessError(
                f"{folder / name} is absent, damaged or incomplete; extract cifar-10-binary.tar.gz again, or delete "
                f"{folder} to have the python version fetched."
            )
    raw = np.concatenate([np.fromfile(folder / name, np.uint8) for name in batches]).reshape(-1, 1 + 3 * SIZE * SIZE)
    pixels = torch.from_numpy(raw[:, 1:].copy()).view(-1, 3, SIZE, SIZE)
    return in_memory(pixels, torch.from_numpy(raw[:, 0].astype(np.int64)))
