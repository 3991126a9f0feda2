"""Layouts that users have: the hub's, folders of many kinds, sizes that differ; told by `harness data check`."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from harness.cli import main
from harness.core.errors import HarnessError
from harness.data import file_digest, load, short_name
from harness.data.resizing import fit


def noise(seed: int, width: int = 8, height: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    return buffer.getvalue()


def parquet(path: Path, names: dict[str, Sequence[str]] | None = None, **columns: Sequence[Any]) -> None:
    """Noise images, and these columns; `names` are the classes that the hub's metadata gives to a column."""
    count = len(next(iter(columns.values())))
    images = pa.array([{"bytes": png(noise(i))} for i in range(count)], pa.struct([("bytes", pa.binary())]))
    table = pa.table({"image": images, **columns})
    features = {column: {"names": list(of), "_type": "ClassLabel"} for column, of in (names or {}).items()}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def folder_of(path: Path, *classes: str, count: int = 5, size: tuple[int, int] = (8, 8)) -> None:
    for number, name in enumerate(classes):
        (path / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(noise(10 * number + i, *size)).save(path / name / f"{i}.png")


def checked(*arguments: str) -> str:
    """What `harness data check` says, or why it refuses."""
    done = CliRunner().invoke(main, ["data", "check", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


@pytest.mark.parametrize(
    ("train", "test", "held_out"),
    [
        ("train.parquet", "test.parquet", "the split test"),
        ("train.parquet", "validation.parquet", "the split validation"),
        ("data/train-00000-of-00001-abcdef012345.parquet", "data/test-00000-of-00001.parquet", "the split test"),
        ("train-00000-of-00001.parquet", "valid-00000-of-00001.parquet", "the split valid"),
        ("plain_text/train-00000-of-00001.parquet", "plain_text/test-00000-of-00001.parquet", "the split test"),
        ("plain_text/train/0000.parquet", "plain_text/test/0000.parquet", "the split test"),
    ],
)
def test_split_files_of_the_hub(tmp_path: Path, train: str, test: str, held_out: str) -> None:
    parquet(tmp_path / "set" / train, label=[0, 1, 1, 0])
    parquet(tmp_path / "set" / test, label=[1, 0])
    assert f", from {held_out}" in checked(str(tmp_path / "set"))
    dataset = load(str(tmp_path / "set"))
    assert torch.equal(dataset.train.labels, torch.tensor([0, 1, 1, 0]))
    assert len(dataset.test) == 2


def test_of_several_configurations_one_is_asked_for(tmp_path: Path) -> None:
    for name in ("fine", "coarse"):
        parquet(tmp_path / name / "train.parquet", label=[0, 1])
    assert "holds several data sets: coarse, fine. Give the folder of one" in checked(str(tmp_path))


def test_string_labels_become_classes_in_sorted_order(tmp_path: Path) -> None:
    parquet(tmp_path / "train.parquet", label=["dog", "ant", "dog", "cat"])
    dataset = load(str(tmp_path))
    assert dataset.class_names == ("ant", "cat", "dog")
    assert dataset.train.labels.tolist() == [2, 0, 2, 1]


def test_classes_are_called_what_the_metadata_calls_them(tmp_path: Path) -> None:
    parquet(tmp_path / "train.parquet", {"label": ["tench", "goldfish", "shark"]}, label=[1, 0, 1])
    assert load(str(tmp_path)).class_names == ("tench", "goldfish", "shark")


def test_the_choice_among_labels_is_said_and_another_can_be_made(tmp_path: Path) -> None:
    parquet(tmp_path / "set" / "train.parquet", fine_label=[0, 3, 2, 1], coarse_label=[0, 1, 1, 0])
    path = str(tmp_path / "set")
    assert "the label is the column fine_label of" in checked(path)
    assert "it has coarse_label too: choose a column with PATH::COLUMN" in checked(path)
    assert load(path).classes == 4
    coarse = load(f"{path}::coarse_label")
    assert coarse.train.labels.tolist() == [0, 1, 1, 0]
    assert not coarse.notices
    assert short_name(f"{path}::coarse_label") == "set-coarse-label"
    assert file_digest(path) != file_digest(f"{path}::coarse_label")
    assert "has no column 'nothing' of integers or strings; there are: fine_label, coarse_label" in checked(
        f"{path}::nothing"
    )


@pytest.mark.parametrize("part", ["test", "val", "valid", "validation"])
def test_which_part_is_held_out_is_said(tmp_path: Path, part: str) -> None:
    folder_of(tmp_path / "train", "cat", "dog")
    folder_of(tmp_path / part, "cat", "dog", count=2)
    assert f"from {part}/" in checked(str(tmp_path))
    assert len(load(str(tmp_path)).test) == 4


def test_of_two_held_out_parts_one_serves_and_it_is_said(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        folder_of(tmp_path / part, "cat", "dog", count=2)
    assert "has test/ and valid/; test/ is held out to test." in checked(str(tmp_path))


def test_folders_without_images_are_left_out_with_a_notice(tmp_path: Path) -> None:
    folder_of(tmp_path / "train", "cat", "dog")
    (tmp_path / "train" / "__MACOSX").mkdir()
    (tmp_path / "train" / ".ipynb_checkpoints").mkdir()
    assert "train/__MACOSX holds no images of a class and is left out." in checked(str(tmp_path))
    assert load(str(tmp_path)).class_names == ("cat", "dog")


def test_a_folder_of_classes_is_used_whole_with_a_fixed_split(tmp_path: Path) -> None:
    folder_of(tmp_path / "pets", "cat", "dog", count=10)
    said = checked(str(tmp_path / "pets"))
    assert "has no train/: its subfolders are the classes, and held out to test is image 5, 10, 15" in said
    dataset = load(str(tmp_path / "pets"))
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    held_out = torch.from_numpy(noise(4)).permute(2, 0, 1)
    assert any(torch.equal(image, held_out) for image in dataset.test.pixels)
    assert not any(torch.equal(image, held_out) for image in dataset.train.pixels)


def test_oblong_images_of_any_size_are_cut_and_resized(tmp_path: Path) -> None:
    folder_of(tmp_path / "train", "wide", size=(30, 20))
    folder_of(tmp_path / "train", "high", size=(10, 40))
    assert "`--set resize=N` cuts the largest square out of the centre" in checked(str(tmp_path))
    assert "all images 8x8 pixels (cut to squares and resized)" in checked(str(tmp_path), "--resize", "8")
    assert load(str(tmp_path), resize=8).train.pixels.shape == (10, 3, 8, 8)
    with pytest.raises(HarnessError, match="resize=9 is not a multiple of 4"):
        load(str(tmp_path), resize=9)


def test_resizing_crops_the_centre_and_averages() -> None:
    image = np.zeros((4, 8, 3), np.uint8)
    image[:, 2:6] = 200  # the square in the centre
    assert (fit(image, 4) == 200).all()
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 200  # without a filter half of these would be lost
    assert abs(int(fit(stripes, 4)[:, 1:3].mean()) - 100) <= 10


def test_resize_is_part_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "set" / "train", "cat", "dog", count=12, size=(20, 12))
    command = ["run", "--method=darts-1st", "--space=s2", "--dataset=set", "--protocol=smoke", "--json"]
    refused = CliRunner().invoke(main, command)
    assert "images must be square" in refused.output
    done = CliRunner().invoke(main, [*command, "--set", "resize=8", "--set", "batch=4", "--set", "valid_batch=4"])
    assert done.exit_code == 0, done.output
    spec = json.loads((Path(json.loads(done.output)["folder"]) / "spec.json").read_text())["spec"]
    assert spec["settings"]["data"]["resize"] == 8


def batch(count: int, first: int, size: int = 16) -> dict[str, Any]:
    draw = np.random.default_rng(first)
    return {
        "data": draw.integers(0, 256, (count, 3 * size * size), dtype=np.uint8),
        "labels": [(first + i) % 130 + 1 for i in range(count)],
    }


def test_imagenet16_is_read_from_its_own_batches(tmp_path: Path) -> None:
    folder = tmp_path / "ImageNet16"
    folder.mkdir()
    for number in range(1, 11):
        (folder / f"train_data_batch_{number}").write_bytes(pickle.dumps(batch(13, 13 * number), protocol=2))
    (folder / "val_data").write_bytes(pickle.dumps(batch(13, 13), protocol=4))
    dataset = load("imagenet16-120", tmp_path)
    wanted = [label for n in range(1, 11) for label in batch(13, 13 * n)["labels"] if label <= 120]
    assert sorted(dataset.train.labels.tolist()) == sorted(label - 1 for label in wanted)
    assert dataset.train.pixels.shape[1:] == (3, 16, 16)
    first = torch.from_numpy(batch(13, 13)["data"]).view(-1, 3, 16, 16)[0]
    assert any(torch.equal(image, first) for image in dataset.train.pixels)


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("ran"),))


def test_no_code_of_a_pickle_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "ImageNet16"
    folder.mkdir()
    for name in [*(f"train_data_batch_{n}" for n in range(1, 11)), "val_data"]:
        (folder / name).write_bytes(pickle.dumps(Payload()))
    assert "is not a batch of ImageNet16" in checked("imagenet16-120", "--data", str(tmp_path))
    copy = tmp_path / "cifar-10-batches-py"
    copy.mkdir()
    for name in ("data_batch_1", "test_batch", "batches.meta"):
        (copy / name).write_bytes(pickle.dumps(Payload()))
    assert "by torchvision's checksums they are not CIFAR-10's or" in checked(str(copy))
    assert not (tmp_path / "ran").exists()


def test_mnist_is_grey_in_three_channels_and_not_mirrored(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for part, count in (("train", 20), ("t10k", 10)):
        images = draw.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        head = np.array([0x00000803, count, 28, 28], ">i4").tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(
            np.array([0x00000801, count], ">i4").tobytes() + labels.tobytes()
        )
    dataset = load("mnist", tmp_path, download=False)
    assert dataset.train.pixels.shape == (20, 3, 28, 28)
    assert torch.equal(dataset.train.pixels[:, 0], dataset.train.pixels[:, 2])
    assert not dataset.flip
    (raw / "train-labels-idx1-ubyte").write_bytes(b"damaged")
    assert "damaged or incomplete; delete it" in checked("mnist", "--data", str(tmp_path))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "stl10"])
def test_absent_sources_say_what_to_put_where(name: str, tmp_path: Path) -> None:
    assert "home page" in checked(name, "--data", str(tmp_path))
