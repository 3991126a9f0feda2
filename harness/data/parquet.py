"""Parquet files as the Hugging Face hub lays them out: a struct column with encoded `bytes`, and an integer label."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.untrusted import loads
from harness.data.decode import Encoded, decode
from harness.data.source import Source, Split

LABELS = ("label", "fine_label", "labels")
"""Which integer column is the label, in order of preference, where there are several."""


def is_parquet_folder(folder: Path) -> bool:
    return bool(_shards(folder, "train"))


def read_parquet(path: Path) -> Source:
    """A single file, which is all training images, or a folder with `train-*.parquet` and, optionally,
    `test-*.parquet` or else `validation-*.parquet`, there or in `data/`. Rows keep their order, shards are sorted.

    Raises HarnessError, naming the file, when one is damaged or missing, lacks an image or label column, or holds a
    label that is null, negative, or beyond the class names.
    """
    tests: list[Path] = []
    if path.is_file():
        files = [path]
    else:
        files = _shards(path, "train")
        tests = _shards(path, "test") or _shards(path, "validation")
    shards = [_open(file) for file in files]
    names = shards[0].class_names
    train = _split(shards, len(names) if names else None)
    classes = len(names) if names else _count_classes(path, train.labels)
    return Source(
        names or tuple(str(label) for label in range(classes)),
        train,
        (lambda: _split([_open(file) for file in tests], classes)) if tests else None,
    )


def _count_classes(path: Path, labels: Tensor) -> int:
    """One more than the largest label, where no metadata names the classes."""
    largest = int(labels.max())
    if largest >= len(labels):
        raise HarnessError(
            f"{path} has the label {largest} among {len(labels)} images and does not name its classes; "
            "number them from 0 on."
        )
    return largest + 1


def _shards(folder: Path, split: str) -> list[Path]:
    """The sorted files of a split. Raises HarnessError when their names tell that some are missing."""
    files = sorted(folder.glob(f"{split}-*.parquet")) or sorted((folder / "data").glob(f"{split}-*.parquet"))
    total = re.search(r"-of-(\d+)\.parquet$", files[0].name) if files else None
    if total and int(total[1]) != len(files):
        raise HarnessError(
            f"{files[0].parent} holds {len(files)} of the {int(total[1])} {split} files that {files[0].name} promises; "
            "download the rest."
        )
    return files


@dataclass(frozen=True)
class _Shard:
    """One file, with the names of its columns."""

    file: Path
    content: pq.ParquetFile
    image: str
    label: str

    @property
    def class_names(self) -> tuple[str, ...]:
        """From the hub's metadata; empty where it has none."""
        metadata = (self.content.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
        try:
            return tuple(loads(metadata)["info"]["features"][self.label]["names"])
        except (KeyError, TypeError, ValueError):
            return ()

    def labels(self, classes: int | None) -> Tensor:
        with _reading(self.file):
            column = self.content.read(columns=[self.label]).column(0)
        labels = column.to_pylist()
        expected = "0 or more" if classes is None else f"0 to {classes - 1}"
        for row, label in enumerate(labels):
            if label is None or label < 0 or (classes is not None and label >= classes):
                value = "null" if label is None else label
                raise HarnessError(f"row {row} of {self.file} has the label {value}; labels must be {expected}.")
        return torch.tensor(labels, dtype=torch.int64)

    def images(self, group: int, rows: list[int]) -> list[bytes | None]:
        """The encoded images at these rows of a row group."""
        with _reading(self.file):
            column = self.content.read_row_group(group, columns=[self.image]).column(0)
        return [cell and cell["bytes"] for cell in column.take(rows).to_pylist()]


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise HarnessError(f"{file} cannot be read as Parquet ({reason}); fetch it again.") from None


def _open(file: Path) -> _Shard:
    with _reading(file):
        content = pq.ParquetFile(file)
    schema = content.schema_arrow
    images = [column.name for column in schema if _is_image(column.type)]
    integers = [column.name for column in schema if pa.types.is_integer(column.type)]
    preferred = [name for name in LABELS if name in integers]
    return _Shard(
        file,
        content,
        _only(file, "image column, a struct with bytes,", images),
        _only(file, "integer label column", preferred[:1] or integers),
    )


def _is_image(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)


def _only(file: Path, what: str, names: list[str]) -> str:
    if len(names) != 1:
        found = f"has several: {', '.join(names)}" if names else "has none"
        raise HarnessError(f"{file} must have one {what} and {found}.")
    return names[0]


def _split(shards: Sequence[_Shard], classes: int | None) -> Split:
    labels = torch.cat([shard.labels(classes) for shard in shards])
    if not len(labels):
        raise HarnessError(f"{shards[0].file} holds no rows; fetch it again.")
    return Split(labels, lambda rows: decode(_encoded(shards, rows), len(rows)))


def _encoded(shards: Sequence[_Shard], rows: Tensor) -> Iterator[Encoded]:
    """The images of these rows, counted over all shards, in file order; row groups without any are not read."""
    ordered, places = rows.sort()
    start = 0
    for shard in shards:
        first_row = start
        for group in range(shard.content.num_row_groups):
            stop = start + shard.content.metadata.row_group(group).num_rows
            low, high = torch.searchsorted(ordered, torch.tensor([start, stop])).tolist()
            if low < high:
                wanted = ordered[low:high]
                images = shard.images(group, (wanted - start).tolist())
                for place, row, image in zip(places[low:high].tolist(), wanted.tolist(), images, strict=True):
                    yield _checked(place, f"the image in row {row - first_row} of {shard.file}", image)
            start = stop


def _checked(place: int, name: str, image: bytes | None) -> Encoded:
    if image is None:
        raise HarnessError(f"{name} has no bytes; export the data with its images embedded.")
    return Encoded(place, name, image)
