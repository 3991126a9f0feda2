"""From a name or a path to a dataset in memory.

Order. Training images keep the order of their files, since a search takes the first half of them for the weights and
the second for alpha. Where the files are arranged by class (the labels never decrease), such halves would hold
different classes, so these are put in one fixed random order, the same for every seed and every run.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from harness.core.errors import HarnessError, quoted, unknown
from harness.core.rng import generator
from harness.data.catalogue import DATASETS
from harness.data.folders import is_image_folder, read_folder
from harness.data.identity import default_root, short_name
from harness.data.images import ImageDataset, Images
from harness.data.normalisation import PUBLISHED
from harness.data.parquet import is_parquet_folder, read_parquet
from harness.data.source import Source, Split, unseen_classes


def load(
    name: str, root: Path | None = None, download: bool = True, images: int = 0, test_images: int = 0
) -> ImageDataset:
    """The dataset `name`: one of DATASETS, or a path to a Parquet file, to a folder of Parquet files in the Hugging
    Face hub's layout, or to a folder of images, `train/<class>/*`. A name wins over a path; write `./cifar10` for it.

    `root` is where published data sets are kept (by default $HARNESS_DATA, else ~/.cache/harness/data); they are
    fetched there, if absent and `download`. `images` > 0 reads at most the first so many training images,
    `test_images` test images.

    Raises HarnessError, in a sentence, for whatever is absent, damaged or unfit to train on.
    """
    builtin = name in DATASETS
    source = _read_known(name, root or default_root(), download) if builtin else _read_path(name)
    # The dataset outlives the source, so what it keeps for its test part must not hold the training images.
    labels, names, test = source.train.labels, source.class_names, source.test
    seen = frozenset(labels.tolist())
    if len(seen) < 2:
        raise HarnessError(
            f"the training part of {quoted(name)} has fewer than 2 classes; there is nothing to tell apart."
        )
    order, shuffled = _order(labels)
    rows = order[: images or len(labels)]
    train = Images(source.train.read(rows), labels[rows])
    published = PUBLISHED.get(name, {}) if builtin else {}
    digits = builtin and name == "digits"
    size = train.pixels.shape[-1]
    return ImageDataset(
        name=short_name(name),
        class_names=names,
        train=train,
        fingerprint=train.fingerprint(),
        padding=size // 8,  # 4 at 32 pixels (ZARTS utils.py:66-125), in proportion elsewhere
        flip=not digits,  # a mirrored digit is another sign; SVHN is mirrored all the same, as published
        shuffled=shuffled,
        published=published,
        read_test=(lambda: _read_test(test(), name, names, seen, size, test_images)) if test else None,
    )


def _read_known(name: str, root: Path, download: bool) -> Source:
    if name == "digits":
        from harness.data.digits import read_digits

        return read_digits()
    from harness.data.builtin import read_builtin  # torchvision takes two seconds to import

    return read_builtin(name, root, download)


def _read_path(name: str) -> Source:
    path = Path(name).expanduser()
    if not name or not path.exists():
        if os.sep in name:
            raise HarnessError(f"{name} does not exist; give a folder of images, a Parquet file or a folder of those.")
        raise unknown("dataset", name, DATASETS)
    if is_image_folder(path):
        return read_folder(path)
    if (path.is_file() and path.suffix == ".parquet") or is_parquet_folder(path):
        return read_parquet(path)
    raise HarnessError(
        f"{name} is no dataset: neither a .parquet file nor a folder with train/<class>/ folders or "
        "train-*.parquet files."
    )


def _order(labels: Tensor) -> tuple[Tensor, bool]:
    """The rows in the order of use, and whether that is a shuffled one (see above)."""
    count = len(labels)
    if bool((labels[1:] >= labels[:-1]).all()):
        return torch.randperm(count, generator=generator(0, "data order")), True
    return torch.arange(count), False


def _read_test(split: Split, name: str, names: tuple[str, ...], seen: frozenset[int], size: int, images: int) -> Images:
    if unseen := sorted(set(split.labels.tolist()) - seen):
        raise unseen_classes(name, (names[label] for label in unseen))
    rows = _order(split.labels)[0][:images] if images else torch.arange(len(split.labels))
    pixels = split.read(rows)
    if pixels.shape[-1] != size:
        raise HarnessError(
            f"the test images of {quoted(name)} are {pixels.shape[-1]} pixels wide and the training images {size}; "
            "resize them to one size first."
        )
    return Images(pixels, split.labels[rows])
