"""Parquet files as the Hugging Face hub lays them out: a struct column with encoded `bytes`, and a label, which is an
integer or a string."""

from __future__ import annotations

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
from harness.data.layout import HELD_OUT_SPLITS, parquet_files, parquet_home
from harness.data.source import Source, Split, unseen_classes

LABELS = ("label", "fine_label", "labels")
"""Which column is the label, in order of preference, where there are several; integers come before strings."""

CHOOSE = "choose a column with {path}::COLUMN"


def read_parquet(path: Path, column: str | None = None) -> Source:
    """A single file, which is all training images, or a folder with training files in one of the hub's layouts (see
    `harness.data.layout`) and, optionally, those of a held-out split. Rows keep their order, shards are sorted.

    The label is the column given, else the usual one (see LABELS). Integers are classes by number, with the names that
    the files' metadata gives them; strings are classes in sorted order.

    Raises HarnessError, naming the file, when one is damaged or missing, lacks an image or label column, or holds a
    label that is null, negative, or beyond the class names.
    """
    home = None if path.is_file() else parquet_home(path)
    files = [path] if home is None else parquet_files(home, "train")
    splits = {} if home is None else {split: parquet_files(home, split) for split in HELD_OUT_SPLITS}
    held_out = [split for split, found in splits.items() if found]
    shards = [_open(file, column) for file in files]
    names = shards[0].class_names or _texts(path, shards, column)
    of_text = shards[0].of_text
    train = _split(path, shards, names, of_text)
    if not names:
        names = tuple(str(label) for label in range(_count_classes(path, train.labels)))
    notices = [notice for notice in [shards[0].notice] if notice]
    if held_out[1:]:
        notices.append(f"{home} has the splits {', '.join(held_out)}; {held_out[0]} is held out to test.")
    if not held_out:
        return Source(names, train, None, "", tuple(notices))
    tests = splits[held_out[0]]
    return Source(
        names,
        train,
        lambda: _split(path, [_open(file, column) for file in tests], names, of_text),
        f"the split {held_out[0]}",
        tuple(notices),
    )


def _texts(path: Path, shards: Sequence[_Shard], column: str | None) -> tuple[str, ...]:
    """The classes where the labels are strings, none where they are integers. Raises HarnessError where every image has
    a string of its own, unless a user chose that column."""
    if not shards[0].of_text:
        return ()
    values = [value for shard in shards for value in shard.values() if value is not None]
    names = tuple(sorted({str(value) for value in values}))
    if column is None and 2 < len(names) == len(values):
        raise HarnessError(
            f"the column {shards[0].label} of {path} has another text for every image, so it is no label; "
            f"{CHOOSE.format(path=path)}."
        )
    return names


def _count_classes(path: Path, labels: Tensor) -> int:
    """One more than the largest label, where no metadata names the classes."""
    largest = int(labels.max())
    if largest >= len(labels):
        raise HarnessError(
            f"{path} has the label {largest} among {len(labels)} images and does not name its classes; "
            "number them from 0 on."
        )
    return largest + 1


@dataclass(frozen=True)
class _Shard:
    """One file, with the names of its columns."""

    file: Path
    content: pq.ParquetFile
    image: str
    label: str
    notice: str
    """On the choice of the label, where there was one."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """From the hub's metadata; empty where it has none."""
        return _class_names(self.content.schema_arrow, self.label)

    @property
    def of_text(self) -> bool:
        return _is_text(self.content.schema_arrow.field(self.label).type)

    def values(self) -> list[int | str | None]:
        """The label of every row, as it is written."""
        with _reading(self.file):
            values: list[int | str | None] = self.content.read(columns=[self.label]).column(0).to_pylist()
        return values

    def labels(self, path: Path, names: Sequence[str]) -> Tensor:
        """The number of each row's class; without names, any from 0 on."""
        places = {name: place for place, name in enumerate(names)}
        expected = f"0 to {len(names) - 1}" if names else "0 or more"
        labels: list[int] = []
        for row, value in enumerate(self.values()):
            if isinstance(value, str):
                if value not in places:
                    raise unseen_classes(path, [value])
                labels.append(places[value])
            elif value is None or value < 0 or (names and value >= len(names)):
                shown = "null" if value is None else value
                raise HarnessError(f"row {row} of {self.file} has the label {shown}; labels must be {expected}.")
            else:
                labels.append(value)
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


def _open(file: Path, column: str | None) -> _Shard:
    with _reading(file):
        content = pq.ParquetFile(file)
    schema = content.schema_arrow
    images = [field.name for field in schema if _is_image(field.type)]
    if len(images) != 1:
        found = f"has several: {', '.join(images)}" if images else "has none"
        raise HarnessError(f"{file} must have one image column, a struct with bytes, and {found}.")
    return _Shard(file, content, images[0], *_label(file, schema, column))


def _label(file: Path, schema: pa.Schema, column: str | None) -> tuple[str, str]:
    """The label column, and a notice where another one could have been meant."""
    integers = [field.name for field in schema if pa.types.is_integer(field.type)]
    texts = [field.name for field in schema if _is_text(field.type)]
    usable = ", ".join([*integers, *texts])
    if column is not None:
        if column not in [*integers, *texts]:
            raise HarnessError(
                f"{file} has no column {column!r} of integers or strings; there are: {usable or 'none'}."
            )
        return column, ""
    named = [name for name in integers if _class_names(schema, name)]
    preferred = [name for name in LABELS if name in integers], [name for name in LABELS if name in texts]
    # In the order of trust; integers alone, since strings beside them mostly describe the image.
    for names in (preferred[0][:1], integers[1:] and named, integers, preferred[1][:1], texts):
        if len(names) == 1:
            others = [name for name in [*integers, *preferred[1]] if name != names[0]]
            return names[0], _chosen(file, names[0], others)
    found = f"has several: {usable}; {CHOOSE.format(path=file)}" if usable else "has none"
    raise HarnessError(f"{file} must have one label column, of integers or strings, and {found}.")


def _chosen(file: Path, label: str, others: Sequence[str]) -> str:
    if not others:
        return ""
    return f"the label is the column {label} of {file}; it has {', '.join(others)} too: {CHOOSE.format(path='PATH')}."


def _class_names(schema: pa.Schema, column: str) -> tuple[str, ...]:
    """What the hub's metadata calls the classes of this column; empty where it does not say."""
    try:
        metadata = loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        names = metadata["info"]["features"][column]["names"]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def _is_text(kind: pa.DataType) -> bool:
    """Strings as such, or as a dictionary's values, which pandas writes for a categorical column."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_image(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)


def _split(path: Path, shards: Sequence[_Shard], names: Sequence[str], of_text: bool) -> Split:
    if differing := [shard.file for shard in shards if shard.of_text != of_text]:
        raise HarnessError(f"the labels of {differing[0]} are of another type than those of the first training file.")
    labels = torch.cat([shard.labels(path, names) for shard in shards])
    if not len(labels):
        raise HarnessError(f"{shards[0].file} holds no rows; fetch it again.")
    return Split(labels, lambda rows, side: decode(_encoded(shards, rows), len(rows), side))


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
