"""ImageNet16-120, NAS-Bench-201's third data set: the first 120 classes of ImageNet at 16x16 pixels.

Chrabaszcz et al. 2017 (arXiv:1707.08819) shrank ImageNet and publish it as pickled batches; AutoDL-Projects
(lib/datasets/DownsampledImageNet.py) keeps them in ImageNet16/ and takes the labels 1 to 120. The batches are read
without running what they may hold. Its test part is all of val_data, of which the benchmark calls one half validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.core.errors import HarnessError
from harness.core.unpickling import Array, unpickle_arrays
from harness.data.source import Source, Split, in_memory

FOLDER = "ImageNet16"
TRAIN = tuple(f"train_data_batch_{number}" for number in range(1, 11))
TEST = ("val_data",)
CLASSES, SIZE = 120, 16


def read_imagenet16(root: Path) -> Source:
    """Labels 1 to 120 as 0 to 119, named by their numbers in the files, which have no names. Raises HarnessError when
    batches are absent, damaged, or not what they should be."""
    folder = root / FOLDER
    if absent := [name for name in (*TRAIN, *TEST) if not (folder / name).is_file()]:
        raise HarnessError(
            f"{folder} lacks {absent[0]}; download ImageNet in 16x16 from https://image-net.org/download-images, and "
            f"put {TRAIN[0]} to {TRAIN[-1]} and {TEST[0]} there."
        )
    names = tuple(str(label) for label in range(1, CLASSES + 1))
    return Source(names, _read(folder, TRAIN), lambda: _read(folder, TEST), f"all of {TEST[0]}")


def _read(folder: Path, batches: Sequence[str]) -> Split:
    parts = [_batch(folder / name) for name in batches]
    pixels, labels = (torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*parts, strict=True))
    return in_memory(pixels.view(-1, 3, SIZE, SIZE), labels)


def _batch(file: Path) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.int64]]]:
    """The images (n, 768), uint8, of the first classes, and their labels (n,)."""
    try:
        with file.open("rb") as opened:
            entry = unpickle_arrays(opened)
        data, labels = _values(entry["data"]), np.asarray(_values(entry["labels"]), np.int64)
        if data.dtype != np.uint8 or data.shape != (len(labels), 3 * SIZE * SIZE):
            raise ValueError(f"its data are {data.dtype} of shape {data.shape} for {len(labels)} labels")
    except Exception as error:  # a damaged pickle raises anything
        raise HarnessError(f"{file} is not a batch of ImageNet16 ({str(error)[:100]}); fetch it again.") from None
    chosen = (labels >= 1) & (labels <= CLASSES)
    return data[chosen], labels[chosen] - 1


def _values(entry: Any) -> Any:
    return entry.values if isinstance(entry, Array) else entry
