"""Parquet files in every layout of the hub, and which of their columns is the label."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from harness.core.errors import HarnessError
from harness.data import check, file_digest, load, short_name

LABELS = [1, 0, 2, 1, 0]


def write(file: Path, columns: Mapping[str, Any], features: Mapping[str, Any] | None = None) -> Path:
    """Rows of 8x8 noise beside these columns, with the hub's metadata on them."""
    count = len(next(iter(columns.values())))
    noise = np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    table = pa.table({"image": [{"bytes": png(image), "path": "x.png"} for image in noise], **columns})
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file)
    return file


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def named(*names: str) -> dict[str, Any]:
    return {"names": list(names), "_type": "ClassLabel"}


def labels_of(path: Path | str) -> list[int]:
    return load(str(path)).train.labels.tolist()


@pytest.mark.parametrize(
    "file",
    [
        "train.parquet",
        "data/train.parquet",
        "train-00000-of-00001-0123456789abcdef.parquet",
        "data/train-00000-of-00001.parquet",
        "train/0000.parquet",
        "plain_text/train/0000.parquet",
        "default/train-00000-of-00001.parquet",
        "data/en/train-00000-of-00001.parquet",
    ],
)
def test_every_layout_of_the_hub_is_data(tmp_path: Path, file: str) -> None:
    write(tmp_path / file, {"label": LABELS})
    write(tmp_path / file.replace("train", "test"), {"label": [0, 1, 2]})
    (tmp_path / "README.md").write_text("a card")
    dataset = load(str(tmp_path))
    assert dataset.train.labels.tolist() == LABELS
    assert dataset.test.labels.tolist() == [0, 1, 2]
    assert (dataset.held_out, dataset.notices) == ("the split test", ())
    before = file_digest(str(tmp_path))
    write(tmp_path / file, {"label": LABELS * 2})
    assert file_digest(str(tmp_path)) != before


def test_several_shards_in_a_folder_of_the_splits_name(tmp_path: Path) -> None:
    for number, labels in enumerate((LABELS, [2, 0])):
        write(tmp_path / "train" / f"{number:04}.parquet", {"label": labels})
    (tmp_path / "train" / "._0000.parquet").write_bytes(b"of a Mac")
    assert labels_of(tmp_path) == [*LABELS, 2, 0]


@pytest.mark.parametrize("split", ["test", "validation", "valid", "val", "dev"])
def test_any_held_out_split_serves_and_is_named(tmp_path: Path, split: str) -> None:
    write(tmp_path / "train.parquet", {"label": LABELS})
    write(tmp_path / f"{split}.parquet", {"label": [2, 1, 0]})
    assert load(str(tmp_path)).test.labels.tolist() == [2, 1, 0]
    assert f", from the split {split}\n" in str(check(str(tmp_path)))
    write(tmp_path / "test.parquet", {"label": [0, 0]})
    dataset = load(str(tmp_path))
    assert dataset.test.labels.tolist() == [0, 0]
    expected = f"{tmp_path} has the splits test, {split}; test is held out to test."
    assert dataset.notices == (() if split == "test" else (expected,))


def test_several_configurations_are_to_be_chosen_from(tmp_path: Path) -> None:
    for name in ("fine", "coarse"):
        write(tmp_path / name / "train" / "0000.parquet", {"label": LABELS})
    expected = f"{tmp_path} holds several data sets: coarse, fine. Give the folder of one: {tmp_path / 'coarse'}."
    for function in (load, file_digest):
        with pytest.raises(HarnessError) as error:
            function(str(tmp_path))
        assert str(error.value) == expected
    assert labels_of(tmp_path / "fine") == LABELS


def test_a_missing_shard_is_noticed_behind_a_hash_too(tmp_path: Path) -> None:
    write(tmp_path / "train-00000-of-00002-89abcdef.parquet", {"label": LABELS})
    with pytest.raises(HarnessError, match="holds 1 of the 2 train files"):
        load(str(tmp_path))


# Labels


def test_strings_are_classes_in_sorted_order(tmp_path: Path) -> None:
    words = ["eel", "cat", "dog", "cat", "eel"]
    for number, kind in enumerate((pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()))):
        file = write(tmp_path / f"{number}.parquet", {"label": pa.array(words, pa.string()).cast(kind)})
        dataset = load(str(file))
        assert (dataset.class_names, dataset.train.labels.tolist()) == (("cat", "dog", "eel"), [2, 0, 1, 0, 2])


def test_strings_that_are_no_classes(tmp_path: Path) -> None:
    file = write(tmp_path / "t.parquet", {"label": ["a", None, "b"]})
    with pytest.raises(HarnessError, match=r"row 1 of .* has the label null; labels must be 0 to 1"):
        load(str(file))
    write(tmp_path / "train.parquet", {"label": ["a", "b", "a"]})
    write(tmp_path / "test.parquet", {"label": ["a", "z"]})
    with pytest.raises(HarnessError, match="its training part lacks: z"):
        _ = load(str(tmp_path)).test
    write(tmp_path / "test.parquet", {"label": [0, 1]})
    with pytest.raises(HarnessError, match=r"test\.parquet are of another type"):
        _ = load(str(tmp_path)).test
    file = write(tmp_path / "t.parquet", {"file_name": ["a.png", "b.png", "c.png"]})
    with pytest.raises(HarnessError, match="another text for every image"):
        load(str(file))
    assert load(f"{file}::file_name").class_names == ("a.png", "b.png", "c.png")


def test_names_come_from_the_files_own_metadata(tmp_path: Path) -> None:
    features = {"image": {"_type": "Image"}, "fine_label": named("ant", "bee", "cow"), "coarse_label": named("x", "y")}
    file = write(tmp_path / "t.parquet", {"coarse_label": [1, 0, 1, 1, 0], "fine_label": LABELS}, features)
    assert load(str(file)).class_names == ("ant", "bee", "cow")
    assert load(f"{file}::coarse_label").class_names == ("x", "y")
    for broken in ('{"info": []}', '"text"', '{"info": {"features": {"label": {"names": "abc"}}}}', "[" * 100_000):
        table = pq.read_table(write(tmp_path / "u.parquet", {"label": LABELS}))
        pq.write_table(table.replace_schema_metadata({"huggingface": broken}), tmp_path / "u.parquet")
        assert load(str(tmp_path / "u.parquet")).class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("columns", "features", "chosen", "others"),
    [
        ({"coarse_label": [0, 1], "fine_label": [1, 0]}, {}, "fine_label", "coarse_label"),
        ({"id": [0, 1], "label": [1, 0], "width": [8, 8]}, {}, "label", "id, width"),
        ({"width": [8, 8], "kind": [1, 0]}, {"kind": named("a", "b")}, "kind", "width"),
        ({"width": [8, 8], "height": [8, 8], "label": ["b", "a"]}, {}, "label", "width, height"),
        ({"id": [0, 1], "label": ["a", "b"]}, {}, "id", "label"),
        ({"label": ["b", "a"], "caption": ["x", "y"]}, {}, "label", ""),
        ({"label": [1, 0], "caption": ["x", "y"]}, {}, "label", ""),
    ],
)
def test_the_choice_of_a_label_is_said(
    tmp_path: Path, columns: dict[str, Any], features: dict[str, Any], chosen: str, others: str
) -> None:
    file = write(tmp_path / "t.parquet", columns, features)
    dataset = load(str(file))
    numbers = {value: place for place, value in enumerate(sorted(columns[chosen]))}
    assert dataset.train.labels.sort().values.tolist() == [0, 1]
    expected = f"the label is the column {chosen} of {file}; it has {others} too: choose a column with PATH::COLUMN."
    assert dataset.notices == ((expected,) if others else ())
    assert (f"notice: {expected}" in str(check(str(file)))) == bool(others)
    assert load(f"{file}::{chosen}").notices == ()
    assert [numbers[value] for value in columns[chosen]] == raw_labels(f"{file}::{chosen}")


def raw_labels(name: str) -> list[int]:
    """In the order of the file, where it is arranged by class and so shuffled too."""
    from harness.data.layout import place_of
    from harness.data.parquet import read_parquet

    return read_parquet(*place_of(name)).train.labels.tolist()


def test_a_column_is_part_of_the_identity(tmp_path: Path) -> None:
    file = write(tmp_path / "t.parquet", {"coarse_label": [0, 1, 0], "fine_label": [1, 0, 2]})
    usual, other = str(file), f"{file}::coarse_label"
    assert (load(usual).train.labels.tolist(), load(other).train.labels.tolist()) == ([1, 0, 2], [0, 1, 0])
    assert (short_name(usual), short_name(other), load(other).name) == ("t", "t-coarse-label", "t-coarse-label")
    digests: Sequence[str | None] = [file_digest(name) for name in (usual, other, f"{file}::coarse-label")]
    assert len(set(digests)) == 3


def test_a_path_may_have_two_colons(tmp_path: Path) -> None:
    file = write(tmp_path / "a::b" / "train.parquet", {"label": LABELS})
    assert labels_of(file.parent) == labels_of(f"{file.parent}::label") == LABELS
    assert short_name(str(file.parent)) == "a-b"


def test_columns_that_cannot_be_chosen(tmp_path: Path) -> None:
    file = write(tmp_path / "t.parquet", {"label": LABELS, "weight": [0.5] * 5})
    for column in ("weight", "image", "absent", ""):
        with pytest.raises(HarnessError, match=f"has no column '{column}' of integers or strings; there are: label"):
            load(f"{file}::{column}")
    with pytest.raises(HarnessError, match="holds no Parquet files; only of those ::label can choose"):
        load(f"{Path(__file__).parent}::label")
    with pytest.raises(HarnessError, match="unknown dataset 'cifar100::coarse_label'"):
        load("cifar100::coarse_label")
