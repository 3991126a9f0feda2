"""Datasets in memory: halves, batches, normalisation."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harness.core.cutout import cutout
from harness.core.errors import HarnessError
from harness.core.types import Dataset, Part
from harness.data import ImageDataset, ImagePart, load
from harness.data.augment import draw
from harness.data.normalisation import PUBLISHED, measure
from harness.data.splits import read_split


@pytest.fixture(scope="module")
def digits() -> ImageDataset:
    return load("digits")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_digits_are_scaled_and_repeated_and_split_in_order(digits: ImageDataset) -> None:
    from sklearn.datasets import load_digits

    original = load_digits()
    assert (digits.name, digits.classes, digits.image_size) == ("digits", 10, 8)
    assert (digits.padding, digits.flip, digits.shuffled) == (1, False, False)
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    assert (digits.train.pixels.dtype, digits.train.labels.dtype) == (torch.uint8, torch.int64)
    assert digits.train.pixels.max() == 255
    both = torch.cat([digits.train.pixels, digits.test.pixels])
    assert torch.equal((both[:, 1].double() * 16 / 255).round(), torch.from_numpy(original.images))
    assert torch.equal(both[:, 0], both[:, 2])
    assert torch.cat([digits.train.labels, digits.test.labels]).tolist() == original.target.tolist()


def test_a_dataset_and_its_parts_satisfy_the_protocols(digits: ImageDataset) -> None:
    dataset: Dataset = digits
    part: Part = dataset.halves(0.5, 0, "darts")[0]
    images, labels = part.batch(torch.tensor([3, 1]), None)
    assert images.shape == (2, 3, 8, 8)
    assert labels.dtype == torch.int64


@pytest.mark.parametrize(
    ("portion", "images", "sizes"), [(0.5, 0, (718, 719)), (0.5, 101, (50, 51)), (0.8, 10, (8, 2))]
)
def test_halves_are_the_first_images_and_the_rest(
    digits: ImageDataset, portion: float, images: int, sizes: tuple[int, int]
) -> None:
    weights, alpha = digits.halves(portion, images, "darts")
    assert (len(weights), len(alpha)) == sizes
    joined = torch.cat([weights.images.pixels, alpha.images.pixels])
    assert torch.equal(joined, digits.train.pixels[: sum(sizes)])


def test_measured_normalisation_makes_the_selected_images_standard(digits: ImageDataset) -> None:
    for convention in ("darts", "nasbench201"):
        halves = digits.halves(0.5, 200, convention)
        batches = torch.cat([half.batch(torch.arange(len(half)), None)[0] for half in halves])
        torch.testing.assert_close(batches.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
        torch.testing.assert_close(batches.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)


def test_selecting_at_load_or_at_the_halves_is_the_same(digits: ImageDataset) -> None:
    early, late = load("digits", images=100).halves(0.5, 0, "darts"), digits.halves(0.5, 100, "darts")
    for one, other in zip(early, late, strict=True):
        assert torch.equal(one.images.pixels, other.images.pixels)
        assert torch.equal(one.mean, other.mean)


def test_the_whole_has_all_images_in_one_normalisation_and_cutout_in_training_only(digits: ImageDataset) -> None:
    train, test = digits.whole("darts", cutout=4)
    assert (len(train), len(test), train.cutout, test.cutout) == (1437, 360, 4, 0)
    assert torch.equal(train.images.pixels, digits.train.pixels)
    assert torch.equal(test.images.pixels, digits.test.pixels)
    assert torch.equal(train.mean, test.mean)
    mean = digits.train.pixels.double().mean((0, 2, 3)) / 255
    torch.testing.assert_close(train.mean, mean.float())
    cut = train.batch(torch.arange(50), seeded())[0]
    assert ((cut == 0).all(dim=1).sum((1, 2)) >= 4).all()  # the quarter that a corner leaves of the square
    assert not (test.batch(torch.arange(50), None)[0] == 0).any()


def test_a_part_of_the_training_images_stands_for_the_test_images_which_are_not_read(digits: ImageDataset) -> None:
    untouched = replace(digits, read_test=None)
    train, valid = untouched.whole("darts", 4, validation=0.25)
    assert (len(train), len(valid), train.cutout, valid.cutout) == (1077, 360, 4, 0)
    assert torch.equal(torch.cat([train.images.pixels, valid.images.pixels]), digits.train.pixels)
    assert torch.equal(train.mean, digits.whole("darts", 4)[0].mean)
    halves = zip(untouched.whole("darts", 0, 0.5), digits.halves(0.5, 0, "darts"), strict=True)
    assert all(torch.equal(ours.images.pixels, theirs.images.pixels) for ours, theirs in halves)
    with pytest.raises(HarnessError, match=r"validation=0\.99 of 5 images leaves none to train on\."):
        load("digits", images=5).whole("darts", 0, 0.99)
    with pytest.raises(HarnessError, match=r"^cutout=16 leaves little or nothing of images of side 8; set it to 4, "):
        digits.whole("darts", 16)


@pytest.mark.parametrize("count", [0, 7, 1000])
def test_fewer_test_images_are_the_first(digits: ImageDataset, count: int) -> None:
    fewer = load("digits", test_images=count)
    assert torch.equal(fewer.test.pixels, digits.test.pixels[: count or 360])
    assert torch.equal(fewer.test.labels, digits.test.labels[: count or 360])


def test_published_constants_follow_the_convention(digits: ImageDataset) -> None:
    cifar = replace(digits, published=PUBLISHED["cifar10"])
    darts, nasbench = (cifar.halves(0.5, 0, convention)[1] for convention in ("darts", "nasbench201"))
    torch.testing.assert_close(darts.mean, torch.tensor([0.49139968, 0.48215827, 0.44653124]))
    torch.testing.assert_close(nasbench.std * 255, torch.tensor([63.0, 62.1, 66.7]))


def test_measure_agrees_with_floating_point() -> None:
    pixels = torch.randint(0, 256, (50, 3, 4, 4), dtype=torch.uint8, generator=seeded())
    statistics = measure(pixels)
    scaled = pixels.double() / 255
    torch.testing.assert_close(torch.tensor(statistics.mean), scaled.mean((0, 2, 3)).float())
    torch.testing.assert_close(torch.tensor(statistics.std), scaled.std((0, 2, 3), correction=0).float())


def test_a_constant_channel_does_not_divide_by_zero() -> None:
    assert measure(torch.zeros(4, 3, 4, 4, dtype=torch.uint8)).std == (1 / 255,) * 3


def test_a_batch_is_a_pure_function_of_indices_and_generator(digits: ImageDataset) -> None:
    part = digits.halves(0.5, 0, "darts")[0]
    indices = torch.tensor([5, 0, 5, 9])
    images, labels = part.batch(indices, seeded())
    assert torch.equal(images, part.batch(indices, seeded())[0])
    assert not torch.equal(images, part.batch(indices, seeded(1))[0])
    assert torch.equal(labels, digits.train.labels[indices])
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_only_a_part_that_may_flip_does(digits: ImageDataset) -> None:
    """Each augmented digit is one of its 9 crops; with flipping on, some are crops of its mirror image instead."""
    upright = digits.part(digits.train, digits.statistics("darts", digits.train))
    assert _mirrored(upright) == 0
    assert 10 < _mirrored(replace(upright, flip=True)) < 30


def _mirrored(part: ImagePart) -> int:
    indices = torch.arange(40)
    _, _, flips, _, _ = draw(40, 8, 1, seeded(4))
    augmented = part.batch(indices, seeded(4))[0]
    unflipped = replace(part, flip=False).batch(indices, seeded(4))[0]
    different = (augmented != unflipped).flatten(1).any(1)
    assert torch.equal(augmented[different], unflipped[different].flip(-1))
    assert not (different & (flips == 0)).any()
    return int(different.sum())


def test_cutout_comes_after_normalisation_and_only_in_training(digits: ImageDataset) -> None:
    plain = digits.part(digits.train, digits.statistics("darts", digits.train))
    cut = replace(plain, cutout=4)
    indices = torch.arange(20)
    _, _, _, rows, columns = draw(20, 8, 1, seeded(2))
    expected = cutout(plain.batch(indices, seeded(2))[0], 4, rows, columns)
    assert torch.equal(cut.batch(indices, seeded(2))[0], expected)
    assert torch.equal(cut.batch(indices, None)[0], plain.batch(indices, None)[0])


def test_to_keeps_everything_and_reads_the_test_part_on_use(digits: ImageDataset) -> None:
    moved = digits.to("meta")
    assert (moved.name, moved.fingerprint) == (digits.name, digits.fingerprint)
    assert moved.train.pixels.device.type == moved.test.labels.device.type == "meta"
    assert torch.equal(digits.to("cpu").test.pixels, digits.test.pixels)


def test_the_fingerprint_tells_pixels_labels_and_selection_apart(digits: ImageDataset) -> None:
    train = digits.train
    pixels, labels = train.pixels.clone(), train.labels.clone()
    pixels[7, 0, 0, 0] ^= 1
    labels[7] = 9 - labels[7]
    prints = {
        digits.fingerprint,
        load("digits", images=99).fingerprint,
        replace(train, pixels=pixels).fingerprint(),
        replace(train, labels=labels).fingerprint(),
    }
    assert len(prints) == 4
    assert load("digits").fingerprint == digits.fingerprint


@pytest.mark.parametrize(
    ("portion", "images", "convention", "message"),
    [
        (0.5, 1, "darts", "portion 0.5 of 1 training images leaves a half empty"),
        (1.0, 0, "darts", "portion 1.0 of 1437"),
        (0.5, 0, "dart", "unknown normalisation 'dart'; did you mean 'darts'"),
    ],
)
def test_halves_that_cannot_be(
    digits: ImageDataset, portion: float, images: int, convention: str, message: str
) -> None:
    with pytest.raises(HarnessError) as error:
        digits.halves(portion, images, convention)
    assert message in str(error.value)


def test_more_images_than_there_are_means_all(digits: ImageDataset) -> None:
    assert [len(part) for part in digits.halves(0.5, 100_000, "darts")] == [718, 719]


def write_split(path: Path, train: list[int], valid: list[int], typed: bool) -> str:
    lists = {"train": train, "valid": valid}
    if typed:  # as NAS-Bench-201's own file has them
        lists = {key: ["int", [str(row) for row in rows]] for key, rows in lists.items()}
    path.write_text(json.dumps(lists))
    return str(path)


@pytest.mark.parametrize("typed", [True, False])
def test_a_split_file_in_place_of_halves(digits: ImageDataset, tmp_path: Path, typed: bool) -> None:
    file = write_split(tmp_path / "split.txt", [5, 0, 900], [1, 2, 1000], typed)
    weights, alpha = digits.halves(0.5, 0, "darts", file)
    labels = digits.train.labels
    assert weights.images.labels.tolist() == labels[[5, 0, 900]].tolist()
    assert torch.equal(alpha.images.pixels, digits.train.pixels[[1, 2, 1000]])
    assert [len(part) for part in digits.halves(0.5, 901, "darts", file)] == [3, 2]


def test_split_files_that_are_none(digits: ImageDataset, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_text('{"train": [1]}')
    cases = {
        str(tmp_path / "absent"): "cannot be read",
        str(wrong): "is not JSON with the lists",
        write_split(tmp_path / "overlap", [1, 2], [2, 3], True): "each at most once",
        write_split(tmp_path / "negative", [1, -2], [3], False): "each at most once",
        write_split(tmp_path / "beyond", [1, 2], [5000], False): "leaves a half empty",
    }
    for file, message in cases.items():
        with pytest.raises(HarnessError, match=message):
            digits.halves(0.5, 0, "darts", file)


def test_the_splits_of_nasbench201(digits: ImageDataset, shared_data: Path, tmp_path: Path) -> None:
    lists = json.loads(gzip.decompress((shared_data / "nasbench201" / "splits.json.gz").read_bytes()))["cifar10"]
    file = write_split(tmp_path / "cifar-split.txt", lists["train"], lists["valid"], True)
    train, valid = read_split(file, 50_000)
    assert (len(train), len(valid)) == (25_000, 25_000)
    assert train[:5].tolist() == [0, 5, 7, 11, 13]
