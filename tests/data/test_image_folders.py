"""Image folders as people have them: other names for the held-out part, none at all, any sizes, and what came along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from harness.core.errors import HarnessError
from harness.data import check, file_digest, load
from harness.data.resizing import fit
from harness.data.streaming import open_image_folder

Save = Callable[..., Path]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Saves images named 00.png, 01.png, ... into folders of `pets`."""

    def save(folder: str, count: int = 2, height: int = 8, width: int = 8) -> Path:
        path = tmp_path / "pets" / folder
        path.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(noise(height, width, 3, seed=number)).save(path / f"{number:02}.png")
        return tmp_path / "pets"

    return save


@pytest.fixture
def pets(save: Save) -> Path:
    """train/{cat,dog}: 3 images each."""
    save("train/cat", 3)
    return save("train/dog", 3)


def failure(path: Path, **arguments: int) -> str:
    with pytest.raises(HarnessError) as error:
        load(str(path), **arguments)
    return str(error.value)


@pytest.mark.parametrize("part", ["test", "val", "valid", "validation"])
def test_every_name_of_the_held_out_part_serves(pets: Path, save: Save, part: str) -> None:
    save(f"{part}/cat", 2)
    dataset = load(str(pets))
    assert (len(dataset.test), dataset.held_out, dataset.notices) == (2, f"{part}/", ())
    assert f"\ntest: 2 images: cat (2), dog (0), from {part}/\n" in str(check(str(pets)))
    assert len(open_image_folder(str(pets)).test) == 2


def test_one_of_several_held_out_parts_serves_and_is_named(pets: Path, save: Save) -> None:
    for number, part in enumerate(("validation", "valid", "val"), start=1):
        save(f"{part}/dog", number)
    dataset = load(str(pets))
    assert len(dataset.test) == 3
    expected = f"{pets} has val/ and valid/ and validation/; val/ is held out to test."
    assert dataset.notices == (expected,)
    assert f"notice: {expected}" in str(check(str(pets)))


def test_a_test_folder_without_classes_is_passed_over(pets: Path, save: Save) -> None:
    save("test", 2)
    save("valid/cat", 1)
    dataset = load(str(pets))
    assert (len(dataset.test), dataset.held_out) == (1, "valid/")
    assert dataset.notices == (f"{pets / 'test'} holds no images of a class and is left out.",)


def test_folders_that_came_along_are_left_out_with_a_notice(pets: Path, save: Save) -> None:
    save("test/cat")
    for junk in ("train/__MACOSX/cat", "train/.ipynb_checkpoints", "test/__MACOSX", "train/notes"):
        (pets / junk).mkdir(parents=True)
    (pets / "train" / "__MACOSX" / "cat" / "._00.png").write_bytes(b"of a Mac")
    (pets / "train" / ".ipynb_checkpoints" / "00.png").write_bytes(b"a copy")
    (pets / "train" / "notes" / "notes.txt").write_text("no image")
    dataset = load(str(pets))
    assert dataset.class_names == ("cat", "dog")
    assert len(dataset.train) == 6
    left_out = ("train/.ipynb_checkpoints", "train/__MACOSX", "train/notes", "test/__MACOSX")
    assert dataset.notices == tuple(f"{pets / name} holds no images of a class and is left out." for name in left_out)
    assert open_image_folder(str(pets)).notices == dataset.notices


def test_images_are_known_by_content_where_their_names_do_not_tell(pets: Path, save: Save) -> None:
    save("train/eel", 2)
    for file in list((pets / "train" / "eel").iterdir()):
        file.rename(file.with_suffix(""))
    assert load(str(pets)).class_names == ("cat", "dog", "eel")


def test_a_folder_of_classes_is_used_whole_with_a_fixed_split(save: Save) -> None:
    save("cat", 11)
    save("dog", 5)
    save("eel", 4)
    pets = save("__MACOSX", 0)
    (pets / "labels.csv").write_text("cat,0")
    dataset = load(str(pets))
    assert dataset.class_names == ("cat", "dog", "eel")
    assert dataset.train.labels.bincount().tolist() == [9, 4, 4]
    assert dataset.test.labels.tolist() == [0, 0, 1]
    held_out = [noise(8, 8, 3, seed=number) for number in (4, 9, 4)]
    assert torch.equal(dataset.test.pixels, torch.from_numpy(np.stack(held_out)).permute(0, 3, 1, 2))
    report = str(check(str(pets)))
    split = "image 5, 10, 15, ... of each class, in alphabetical order"
    assert f"eel (0), from {split}\n" in report
    assert f"notice: {pets} has no train/: its subfolders are the classes, and held out to test is {split}." in report
    assert f"notice: {pets / '__MACOSX'} holds no images" in report
    assert [len(part) for part in (open_image_folder(str(pets)).train, open_image_folder(str(pets)).test)] == [17, 3]
    before = file_digest(str(pets))
    save("dog", 6)
    assert file_digest(str(pets)) != before


def test_class_folders_beside_a_held_out_part_are_refused(save: Save) -> None:
    save("cat")
    save("dog")
    pets = save("valid/cat")
    assert f"{pets} has valid/ and no train/; move the folders of the classes into train/." == failure(pets)


# Sizes


def test_images_of_any_size_are_cut_and_resized(save: Save) -> None:
    save("train/cat", 1, height=8, width=8)
    save("train/dog", 1, height=21, width=12)
    save("train/eel", 1, height=30, width=61)
    pets = save("test/cat", 1, height=5, width=40)
    assert "is 12x21 pixels and the first image is 8x8; `--set resize=N` cuts the largest square" in failure(pets)
    (pets / "train" / "cat" / "00.png").unlink()
    save("train/cat", 1, height=21, width=12)
    assert "is 12x21 pixels; images must be square, with a side that is a multiple of 4; `--set resize" in failure(pets)
    for side in (8, 16):
        dataset = load(str(pets), resize=side)
        assert (dataset.image_size, dataset.padding) == (side, side // 8)
        assert dataset.test.pixels.shape == (1, 3, side, side)
        wide = torch.from_numpy(fit(noise(30, 61, 3)[:, 15:45], side).copy()).permute(2, 0, 1)
        tall = torch.from_numpy(fit(noise(21, 12, 3)[4:16], side).copy()).permute(2, 0, 1)
        assert torch.equal(dataset.train.pixels[dataset.train.labels == 2][0], wide)
        assert torch.equal(dataset.train.pixels[dataset.train.labels == 1][0], tall)
    assert "all images 16x16 pixels (cut to squares and resized)" in str(check(str(pets), resize=16))
    assert failure(pets, resize=10) == "resize=10 is not a multiple of 4, as the networks halve images twice."


def test_resizing_is_antialiased_and_leaves_what_fits_alone() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 255
    assert 120 < fit(stripes, 8).min() <= fit(stripes, 8).max() < 135
    assert np.array_equal(fit(stripes, 64), stripes)
    expected = np.asarray(Image.fromarray(noise(20, 20, 3)).resize((8, 8), Image.Resampling.BILINEAR))
    assert np.array_equal(fit(noise(20, 20, 3), 8), expected)


def test_data_sets_with_a_name_are_resized_too() -> None:
    plain, large = load("digits", images=3), load("digits", images=3, test_images=2, resize=16)
    expected = fit(plain.train.pixels[1].permute(1, 2, 0).numpy(), 16)
    assert np.array_equal(large.train.pixels[1].permute(1, 2, 0).numpy(), expected)
    assert large.test.pixels.shape == (2, 3, 16, 16)
    assert large.fingerprint != plain.fingerprint
