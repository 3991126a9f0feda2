"""Image folders and Parquet files: what they give, and what is wrong with the bad ones."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from harness.core.errors import HarnessError
from harness.data import check, file_digest, load, short_name
from harness.data import decode as decoding

Write = Callable[..., Path]
LABELS = [2, 0, 1, 1, 0, 2, 0, 1, 2, 0]


def noise(seed: int, width: int = 8, height: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    return buffer.getvalue()


def planar(seed: int) -> torch.Tensor:
    return torch.from_numpy(noise(seed)).permute(2, 0, 1)


def failure(path: Path | str, **arguments: int) -> str:
    with pytest.raises(HarnessError) as error:
        load(str(path), **arguments)
    return str(error.value)


@pytest.fixture
def write_parquet(tmp_path: Path) -> Write:
    """Writes rows (label, PNG bytes) as the hub does; images default to noise that the row number seeds."""

    def write(
        file: str,
        labels: Sequence[int | None],
        *,
        images: Sequence[bytes | None] | None = None,
        names: Sequence[str] | None = None,
        image_column: str = "img",
        label_column: str = "label",
        first: int = 0,
    ) -> Path:
        images = [png(noise(first + i)) for i in range(len(labels))] if images is None else images
        table = pa.table(
            {
                image_column: pa.array(
                    [{"bytes": image, "path": None} for image in images],
                    pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
                ),
                label_column: pa.array(labels, pa.int64()),
            }
        )
        if names is not None:
            features: dict[str, Any] = {label_column: {"names": list(names), "_type": "ClassLabel"}}
            table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=4)
        return path

    return write


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """train/{cat,dog,eel}: 4 images each; test/{cat,dog}: 2 each."""
    folder = tmp_path / "My Pets"
    for part, names, count in (("train", ("cat", "dog", "eel"), 4), ("test", ("cat", "dog"), 2)):
        for c, name in enumerate(names):
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                Image.fromarray(noise(100 * c + i)).save(folder / part / name / f"{i}.png")
    return folder


# Parquet


def test_parquet_rows_keep_their_order_across_shards_and_row_groups(tmp_path: Path, write_parquet: Write) -> None:
    write_parquet("data/train-00000-of-00002.parquet", LABELS[:7])
    write_parquet("data/train-00001-of-00002.parquet", LABELS[7:], first=7)
    dataset = load(str(tmp_path))
    assert dataset.train.labels.tolist() == LABELS
    assert torch.equal(dataset.train.pixels, torch.stack([planar(i) for i in range(10)]))
    assert (dataset.classes, dataset.class_names, dataset.image_size) == (3, ("0", "1", "2"), 8)
    assert (dataset.padding, dataset.flip, dataset.shuffled) == (1, True, False)


def test_a_single_parquet_file_is_a_training_part(write_parquet: Write) -> None:
    file = write_parquet("Tiny_Set.parquet", LABELS, names=["ant", "bee", "cow"], image_column="picture")
    dataset = load(str(file))
    assert (dataset.name, dataset.class_names) == ("tiny-set", ("ant", "bee", "cow"))
    with pytest.raises(HarnessError, match="'tiny-set' has no test part"):
        _ = dataset.test


def test_only_the_wanted_images_are_decoded(
    tmp_path: Path, write_parquet: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parquet("train-0.parquet", LABELS)
    write_parquet("test-0.parquet", LABELS, images=[b"damaged"] * 10)
    decoded = []
    original = decoding._pixels
    monkeypatch.setattr(decoding, "_pixels", lambda image, size: decoded.append(image.name) or original(image, size))
    dataset = load(str(tmp_path), images=6)
    assert len(decoded) == 6
    assert torch.equal(dataset.train.pixels, torch.stack([planar(i) for i in range(6)]))
    with pytest.raises(HarnessError, match=r"row 0 of .*test-0\.parquet is not an image"):
        _ = dataset.test


def test_files_arranged_by_class_are_shuffled_once_and_for_all(tmp_path: Path, write_parquet: Write) -> None:
    write_parquet("train-0.parquet", sorted(LABELS))
    dataset, again, some = load(str(tmp_path)), load(str(tmp_path)), load(str(tmp_path), images=4)
    assert dataset.shuffled
    assert dataset.train.labels.tolist() != sorted(LABELS)
    assert sorted(dataset.train.labels.tolist()) == sorted(LABELS)
    assert dataset.fingerprint == again.fingerprint
    assert torch.equal(some.train.pixels, dataset.train.pixels[:4])
    row = {planar(i).numpy().tobytes(): label for i, label in enumerate(sorted(LABELS))}
    assert [row[image.numpy().tobytes()] for image in dataset.train.pixels] == dataset.train.labels.tolist()
    assert "arranged by class" in str(check(str(tmp_path)))


def test_validation_stands_in_for_a_missing_test_part(tmp_path: Path, write_parquet: Write) -> None:
    write_parquet("train-0.parquet", LABELS)
    write_parquet("validation-0.parquet", [0, 1], first=50)
    assert load(str(tmp_path)).test.labels.tolist() == [0, 1]
    write_parquet("test-0.parquet", [2, 1, 1], first=60)
    assert load(str(tmp_path)).test.labels.tolist() == [2, 1, 1]


def test_the_fine_label_is_preferred_to_other_integers(tmp_path: Path) -> None:
    image = {"bytes": png(noise(0)), "path": "a.png"}
    table = pa.table({"coarse_label": [0, 0], "img": [image, image], "fine_label": [1, 0]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert load(str(tmp_path / "t.parquet")).train.labels.tolist() == [1, 0]
    pq.write_table(table.rename_columns(["a", "img", "b"]), tmp_path / "t.parquet")
    assert "must have one label column, of integers or strings, and has several: a, b" in failure(
        tmp_path / "t.parquet"
    )


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 1, -1, 0], None, "row 2 of {file} has the label -1"),
        ([0, None, 1, 0], None, "row 1 of {file} has the label null"),
        ([0, 1, 1, 2], ["a", "b"], "row 3 of {file} has the label 2; labels must be 0 to 1"),
        ([1, 1, 1, 1], None, "fewer than 2 classes"),
        ([], None, "{file} holds no rows"),
    ],
)
def test_bad_labels(write_parquet: Write, labels: list[int], names: list[str] | None, message: str) -> None:
    file = write_parquet("t.parquet", labels, names=names)
    assert message.format(file=file) in failure(file)


def test_bad_images_in_parquet(write_parquet: Write) -> None:
    good, narrow, odd = png(noise(0)), png(noise(0, width=4)), png(noise(0, 6, 6))
    for images, message in [
        ([good, good, b"no image", b"neither"], "row 2 of"),
        ([good, None, good, good], "row 1 of {file} has no bytes"),
        ([good, good[: len(good) // 2], good, good], "row 1 of {file} is not an image"),
        ([good, good, good, png(noise(0, 12, 12))], "row 3 of {file} is 12x12 pixels and the first image is 8x8"),
        ([narrow] * 4, "row 0 of {file} is 4x8 pixels; images must be square"),
        ([odd] * 4, "row 0 of {file} is 6x6 pixels"),
    ]:
        file = write_parquet("t.parquet", [0, 1, 0, 1], images=images)
        assert message.format(file=file) in failure(file)


def test_16_bits_are_scaled_and_32_bits_refused(write_parquet: Write) -> None:
    values = np.array([0, 128, 129, 257, 40_000, 65_279, 65_534, 65_535] * 8, np.uint16).reshape(8, 8)
    images = [encoded(Image.fromarray(values), form) for form in ("PNG", "TIFF", "PPM")]
    file = write_parquet("t.parquet", [0, 1, 0], images=images)
    scaled = torch.tensor([0, 0, 1, 1, 156, 254, 255, 255], dtype=torch.uint8).expand(3, 3, 8, 8)
    assert torch.equal(load(str(file)).train.pixels, scaled)
    for kind in (np.int32, np.float32):
        deep = encoded(Image.fromarray(np.full((8, 8), 40_000, kind)), "TIFF")
        assert "row 0" in failure(write_parquet("t.parquet", [0, 1], images=[deep] * 2))
        assert "has 32 bits per channel; convert it to 8 or 16 bits" in failure(file)


def encoded(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=form)
    return buffer.getvalue()


def test_damaged_parquet_is_named(tmp_path: Path, write_parquet: Write) -> None:
    file = write_parquet("train-0.parquet", LABELS)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert f"{file} cannot be read as Parquet" in failure(tmp_path)
    middle = len(whole) // 3
    file.write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])
    assert str(file) in failure(tmp_path)


def test_a_parquet_file_without_the_columns_is_named(tmp_path: Path, write_parquet: Write) -> None:
    file = write_parquet("t.parquet", LABELS)
    table = pq.read_table(file)
    pq.write_table(table.drop_columns("img"), file)
    assert f"{file} must have one image column, a struct with bytes, and has none" in failure(file)
    pq.write_table(table.drop_columns("label"), file)
    assert f"{file} must have one label column, of integers or strings, and has none" in failure(file)


def test_a_missing_shard_is_noticed(tmp_path: Path, write_parquet: Write) -> None:
    write_parquet("train-00000-of-00002.parquet", LABELS)
    assert "holds 1 of the 2 train files" in failure(tmp_path)


def test_test_images_of_unseen_classes_or_another_size(tmp_path: Path, write_parquet: Write) -> None:
    write_parquet("train-0.parquet", [0, 1, 0, 1], names=["a", "b", "c"])
    write_parquet("test-0.parquet", [0, 2])
    with pytest.raises(HarnessError, match="its training part lacks: c"):
        check(str(tmp_path))
    write_parquet("test-0.parquet", [0, 1], images=[png(noise(0, 12, 12))] * 2)
    with pytest.raises(HarnessError, match="12 pixels wide and the training images 8"):
        check(str(tmp_path))


# Folders of images


def test_a_folder_is_read_by_class_and_shuffled(image_folder: Path) -> None:
    (image_folder / "train" / ".DS_Store").write_bytes(b"")
    (image_folder / "train" / "cat" / ".hidden").write_bytes(b"")
    dataset = load(str(image_folder))
    assert (dataset.name, dataset.class_names, dataset.shuffled) == ("my-pets", ("cat", "dog", "eel"), True)
    seeds = [100 * label + i for label in range(3) for i in range(4)]
    label_of = {planar(seed).numpy().tobytes(): seed // 100 for seed in seeds}
    assert [label_of[image.numpy().tobytes()] for image in dataset.train.pixels] == dataset.train.labels.tolist()
    assert dataset.train.labels.bincount().tolist() == [4, 4, 4]
    assert dataset.test.labels.tolist() == [0, 0, 1, 1]
    assert torch.equal(load(str(image_folder), images=5).train.pixels, dataset.train.pixels[:5])


def test_grey_jpegs_and_val_folders_will_do(image_folder: Path) -> None:
    (image_folder / "test").rename(image_folder / "val")
    Image.fromarray(np.full((8, 8), 77, np.uint8)).save(image_folder / "val" / "cat" / "0.jpeg", quality=100)
    test = load(str(image_folder)).test
    assert len(test) == 5
    assert test.pixels[0].unique().tolist() == [77]


def test_a_report_tells_what_there_is(image_folder: Path) -> None:
    report = check(str(image_folder))
    assert len(report.lines) == 6
    text = str(report)
    for part in (
        "3 classes",
        "8x8",
        "12 images: cat (4), dog (4), eel (4)",
        "4 images: cat (2), dog (2), eel (0)",
        load(str(image_folder)).fingerprint,
    ):
        assert part in text


def test_what_is_wrong_in_a_folder_is_named(image_folder: Path) -> None:
    note = image_folder / "train" / "dog" / "notes.txt"
    note.write_text("not an image")
    assert f"{note} is not an image" in failure(image_folder)
    note.unlink()
    stray = image_folder / "train" / "stray.png"
    stray.write_bytes(b"")
    assert f"{stray} is a file, where" in failure(image_folder)
    stray.unlink()
    odd = image_folder / "train" / "dog" / "2.png"
    Image.fromarray(noise(0, 8, 12)).save(odd)
    assert f"{odd} is 8x12 pixels and the first image is 8x8" in failure(image_folder)
    odd.unlink()
    empty = image_folder / "train" / "fox"
    empty.mkdir()
    assert load(str(image_folder)).notices == (f"{empty} holds no images of a class and is left out.",)
    empty.rmdir()
    (image_folder / "test" / "gnu").mkdir()
    (image_folder / "test" / "gnu" / "0.png").write_bytes(png(noise(0)))
    with pytest.raises(HarnessError, match="its training part lacks: gnu"):
        check(str(image_folder))


def test_places_without_data(tmp_path: Path) -> None:
    assert "is no dataset" in failure(tmp_path)
    (tmp_path / "train").mkdir()
    assert f"{tmp_path / 'train'} holds no folder of images" in failure(tmp_path)
    (tmp_path / "train" / "cat").mkdir()
    assert f"{tmp_path / 'train'} holds no folder of images" in failure(tmp_path)
    (tmp_path / "train" / "cat" / "0.png").write_bytes(png(noise(0)))
    assert "fewer than 2 classes" in failure(tmp_path)
    (tmp_path / "table.csv").write_text("1,2")
    assert "is no dataset" in failure(tmp_path / "table.csv")
    assert f"{tmp_path / 'absent'} does not exist" in failure(tmp_path / "absent")


def test_more_images_than_there_are_means_all(image_folder: Path) -> None:
    assert len(load(str(image_folder), images=13).train) == len(load(str(image_folder)).train) == 12


def test_file_digest_tells_data_of_one_name_apart(image_folder: Path) -> None:
    before = file_digest(str(image_folder))
    assert before == file_digest(str(image_folder))
    next((image_folder / "train").rglob("[!.]*.png")).write_bytes(b"shorter")
    assert file_digest(str(image_folder)) != before
    assert file_digest("digits") is None


def test_names_that_are_neither_a_dataset_nor_a_path() -> None:
    assert failure("cifar11") == "unknown dataset 'cifar11'; did you mean 'cifar10'?"
    assert failure("").startswith("unknown dataset ''")


def test_a_broken_link_and_an_endless_name_are_named(image_folder: Path) -> None:
    (image_folder / "train" / "cat" / "gone.png").symlink_to(image_folder / "nowhere.png")
    with pytest.raises(HarnessError, match=r"gone\.png cannot be read"):
        file_digest(str(image_folder))
    with pytest.raises(HarnessError, match="is no path"):
        short_name("x" * 5000)
