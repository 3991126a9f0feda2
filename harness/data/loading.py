"""From a name or a path to a dataset in memory.

Order. Training images keep the order of their files, since a search takes the first half of them for the weights and
the second for alpha. Where the files are arranged by class (the labels never decrease), such halves would hold
different classes, so these are put in one fixed random order, the same for every seed and every run.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from harness.core.errors import HarnessError, quoted
from harness.core.rng import generator
from harness.data.catalogue import DATASETS
from harness.data.folders import is_class_folder, is_image_folder, read_folder
from harness.data.identity import check_name, default_root, short_name
from harness.data.images import ImageDataset, Images
from harness.data.layout import parquet_home, place_of
from harness.data.normalisation import PUBLISHED
from harness.data.pickles import holds_pickles
from harness.data.resizing import HINT, check_side
from harness.data.source import Source, Split, unseen_classes

UNMIRRORED = ("digits", "mnist")
"""A mirrored digit is another sign; SVHN is mirrored all the same, as published, and so are Fashion-MNIST's clothes."""


def load(
    name: str, root: Path | None = None, download: bool = True, images: int = 0, test_images: int = 0, resize: int = 0
) -> ImageDataset:
    """The dataset `name`: one of DATASETS, or a path to a Parquet file, to a folder of Parquet files in one of the
    Hugging Face hub's layouts, or to a folder of images, `train/<class>/*` or `<class>/*`. `PATH::COLUMN` chooses the
    label column of Parquet files. A name wins over a path; write `./cifar10` for it.

    `root` is where published data sets are kept (by default $HARNESS_DATA, else ~/.cache/harness/data); they are
    fetched there, if absent and `download`. `images` > 0 reads at most the first so many training images,
    `test_images` test images. `resize` > 0 makes every image a square of so many pixels a side (see
    `harness.data.resizing`).

    What a user should know of (a label column or a held-out part chosen among several, folders left out) stands in the
    dataset's `notices`. Raises HarnessError, in a sentence, for whatever is absent, damaged or unfit to train on.
    """
    check_side(resize)
    known = name in DATASETS
    source = DATASETS[name].read(root or default_root(), download) if known else _read_path(name)
    # The dataset outlives the source, so what it keeps for its test part must not hold the training images.
    labels, names, test = source.train.labels, source.class_names, source.test
    seen = frozenset(labels.tolist())
    if len(seen) < 2:
        raise HarnessError(
            f"the training part of {quoted(name)} has fewer than 2 classes; there is nothing to tell apart."
        )
    order, shuffled = _order(labels)
    rows = order[: images or len(labels)]
    train = Images(source.train.read(rows, resize), labels[rows])
    published = PUBLISHED.get(name, {}) if known else {}
    size = train.pixels.shape[-1]
    return ImageDataset(
        name=short_name(name),
        class_names=names,
        train=train,
        fingerprint=train.fingerprint(),
        padding=size // 8,  # 4 at 32 pixels (ZARTS utils.py:66-125), in proportion elsewhere
        flip=not (known and name in UNMIRRORED),
        shuffled=shuffled,
        published=published,
        read_test=(lambda: _read_test(test(), name, names, seen, size, test_images, resize)) if test else None,
        held_out=source.held_out,
        notices=source.notices + _of_name(name),
    )


def _read_path(name: str) -> Source:
    check_name(name)
    path, column = place_of(name)
    if not path.exists():
        shown = name if column is None else path
        raise HarnessError(f"{shown} does not exist; give a folder of images, a Parquet file or a folder of those.")
    try:
        return _read_there(name, path, column)
    except OSError as error:
        raise HarnessError(f"{error.filename or name} cannot be read: {error.strerror}.") from None


def _read_there(name: str, path: Path, column: str | None) -> Source:
    if _is_parquet(path):
        from harness.data.parquet import read_parquet  # pyarrow, which most data sets do without

        return read_parquet(path, column)
    if column is not None:
        raise HarnessError(f"{path} holds no Parquet files; only of those ::{column} can choose a column.")
    if is_image_folder(path):
        return read_folder(path)
    if holds_pickles(path):
        from harness.data.builtin import read_copy

        return read_copy(path)
    if is_class_folder(path):
        return read_folder(path)
    raise HarnessError(
        f"{name} is no dataset: neither a .parquet file nor a folder with train/<class>/ folders, folders of images or "
        "train-*.parquet files."
    )


def _is_parquet(path: Path) -> bool:
    """Folders of images come first, as they always did."""
    if path.is_file():
        return path.suffix == ".parquet"
    return not is_image_folder(path) and parquet_home(path) is not None


def _of_name(name: str) -> tuple[str, ...]:
    """What a name that is a folder's too means."""
    if name in DATASETS and Path(name).is_dir():
        return (f"{name} is the published data set; for the folder {name} that is here write ./{name}.",)
    return ()


def _order(labels: Tensor) -> tuple[Tensor, bool]:
    """The rows in the order of use, and whether that is a shuffled one (see above)."""
    count = len(labels)
    if bool((labels[1:] >= labels[:-1]).all()):
        return torch.randperm(count, generator=generator(0, "data order")), True
    return torch.arange(count), False


def _read_test(
    split: Split, name: str, names: tuple[str, ...], seen: frozenset[int], size: int, images: int, resize: int
) -> Images:
    if unseen := sorted(set(split.labels.tolist()) - seen):
        raise unseen_classes(name, (names[label] for label in unseen))
    rows = _order(split.labels)[0][:images] if images else torch.arange(len(split.labels))
    pixels = split.read(rows, resize)
    if pixels.shape[-1] != size:
        raise HarnessError(
            f"the test images of {quoted(name)} are {pixels.shape[-1]} pixels wide and the training images {size}; "
            f"{HINT}."
        )
    return Images(pixels, split.labels[rows])
