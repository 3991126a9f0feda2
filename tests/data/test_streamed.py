"""Searches that read their images from files: a batch is a function of its number, and a search one of its seed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from processes import end, forked, harness, run_arguments, run_folder
from torchvision import transforms

from harness import data
from harness.cli import main
from harness.core import toml
from harness.core.errors import HarnessError
from harness.core.rng import generator
from harness.core.types import ReadsAhead
from harness.data.streamed import StreamedDataset, StreamedPart, _box, _jittered, open_streamed
from harness.data.streaming import JITTER, MEAN, STD
from harness.runs.images import open_images
from harness.suite import definition
from harness.suite.cells import resolve
from harness.suite.requests import Equipment
from methods.training.batches import Batches
from methods.training.data import Data

COUNT, CLASSES = 240, 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hundreds of JPEG files, oblong ones of four sizes."""
    root, random = tmp_path_factory.mktemp("streamed") / "miniature", np.random.default_rng(0)
    for number in range(COUNT + 20):
        part = "train" if number < COUNT else "val"
        path = root / part / f"class{number % CLASSES}" / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = [(64, 48), (48, 64), (50, 41), (37, 60)][number % 4]
        blocks = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        blocks.resize(size, Image.Resampling.BICUBIC).save(path)
    return root


def opened(folder: Path, crop: int = 32, share: float = 0.25, jitter: bool = True) -> StreamedDataset:
    return open_streamed(str(folder), crop, share, jitter)


def halves(folder: Path) -> tuple[StreamedPart, StreamedPart]:
    return opened(folder).halves(0.5, 0, "darts")


class Unhurried:
    """A part that is told of nothing ahead."""

    def __init__(self, part: StreamedPart) -> None:
        self.part = part

    def __len__(self) -> int:
        return len(self.part)

    def batch(self, indices: torch.Tensor, augment: torch.Generator | None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.part.batch(indices, augment)


def test_a_share_is_drawn_from_all_and_halved(folder: Path) -> None:
    weights, alpha = halves(folder)
    rows = torch.cat([weights.rows, alpha.rows])
    assert (len(weights), len(alpha), len(rows.unique())) == (30, 30, 60)
    assert len(weights.listing.labels[rows].unique()) == CLASSES
    again = halves(folder)
    assert torch.equal(again[0].rows, weights.rows)
    fewer = opened(folder).halves(0.8, 50, "darts")
    assert ([len(part) for part in fewer], fewer[0].rows.tolist()) == ([40, 10], rows[:40].tolist())


def test_batches_are_normalised_crops_of_files_and_their_labels(folder: Path) -> None:
    weights, _ = halves(folder)
    images, labels = weights.batch(torch.arange(8), generator(0, "augment", 0))
    assert (images.shape, images.dtype, labels.dtype) == ((8, 3, 32, 32), torch.float32, torch.int64)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert labels.tolist() == weights.listing.labels[weights.rows[:8]].tolist()


def test_reading_ahead_changes_nothing(folder: Path) -> None:
    weights, _ = halves(folder)
    assert isinstance(weights, ReadsAhead)
    unhurried = Batches(Unhurried(halves(folder)[0]), 3, "weights", 16)
    assert not isinstance(unhurried.part, ReadsAhead)
    ahead = Batches(weights, 3, "weights", 16)
    before = torch.random.get_rng_state()
    seen = []
    for step in (0, 1, 2, 5, 6, 1, 9):  # straight on, over the end of a pass, and back
        images, labels = ahead.at(step)
        expected, expected_labels = unhurried.at(step)
        assert torch.equal(images, expected)
        assert torch.equal(labels, expected_labels)
        assert len(weights.ahead) == 1
        seen.append(images)
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_without_a_generator_the_centre_is_taken_as_torchvision_does(folder: Path) -> None:
    _, alpha = halves(folder)
    images, _ = alpha.batch(torch.arange(6), None)
    steps = [transforms.Resize(37), transforms.CenterCrop(32), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    plain = transforms.Compose(steps)
    for image, row in zip(images, alpha.rows.tolist(), strict=False):
        with Image.open(alpha.listing.encoded(row).source) as original:
            torch.testing.assert_close(image, plain(original.convert("RGB")), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(500, 375), (120, 400), (32, 32), (9, 400)])
def test_boxes_lie_in_the_image_and_are_spread_as_torchvisions(size: tuple[int, int]) -> None:
    width, height = size
    random = np.random.default_rng(0)
    boxes = np.array([_box(width, height, random.uniform) for _ in range(2000)])
    top, left, high, wide = boxes.T
    assert min(top.min(), left.min()) >= 0
    assert (top + high).max() <= height
    assert (left + wide).max() <= width
    torch.manual_seed(0)
    image = torch.empty(3, height, width)
    crop = transforms.RandomResizedCrop
    plain = np.array([crop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(2000)])
    spread = plain.std(0) / np.sqrt(len(plain))
    assert (abs(boxes.mean(0) - plain.mean(0)) <= 5 * spread + 1).all()


def test_the_box_of_an_image_that_no_draw_fits_is_its_centre() -> None:
    assert _box(9, 400, lambda low, high: high) == (194, 0, 12, 9)
    assert _box(400, 9, lambda low, high: high) == (0, 194, 9, 12)


def test_colours_are_distorted_as_torchvision_distorts_them(folder: Path) -> None:
    with Image.open(folder / "train" / "class0" / "0000.jpg") as image:
        middle = _jittered(image, lambda low, high: (low + high) / 2, torch.Generator().manual_seed(0))
        assert abs(np.asarray(middle).astype(int) - np.asarray(image)).max() <= 8  # hues have 256 steps
        random = np.random.default_rng(0)
        draw = torch.Generator().manual_seed(0)
        mine = [np.asarray(_jittered(image, random.uniform, draw)).mean() for _ in range(300)]
        torch.manual_seed(0)
        plain = [np.asarray(transforms.ColorJitter(*JITTER)(image)).mean() for _ in range(300)]
    assert abs(np.mean(mine) - np.mean(plain)) < 4 * np.std(plain) / np.sqrt(150)
    assert 0.8 < np.std(mine) / np.std(plain) < 1.25


def test_images_are_not_read_before_they_are_asked_for(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "train" / name / "x.png").write_bytes(b"no image")
    weights, alpha = open_streamed(str(tmp_path), 32, 1.0, False).halves(0.5, 0, "darts")
    for part in (weights, alpha):
        part.expect(torch.tensor([0]), None)
        with pytest.raises(HarnessError, match=r"x\.png is not an image that can be read; repair or remove it\."):
            part.batch(torch.tensor([0]), None)


@pytest.mark.parametrize(
    ("settings", "name", "message"),
    [
        ({"crop": 32}, "digits", "crop=32 reads images from their files, and .* is no folder of images"),
        ({"crop": 30}, "{folder}", "crop=30 is not a multiple of 4"),
        ({"crop": 32, "resize": 32}, "{folder}", "crop=32 and resize=32 both give images a size"),
        ({"share": 0.5}, "digits", "set crop with them"),
        ({"colour_jitter": True}, "digits", "set crop with them"),
    ],
)
def test_what_does_not_go_together(folder: Path, settings: dict, name: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        open_images(Data(**settings), name.format(folder=folder), None)


@pytest.mark.parametrize(
    ("arguments", "message"), [((0.5, 1, "darts"), "leaves a half empty"), ((0.5, 0, "darts", "x.json"), "split_file")]
)
def test_halves_that_cannot_be(folder: Path, arguments: tuple, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        opened(folder).halves(*arguments)


def test_the_package_has_it(folder: Path) -> None:
    assert isinstance(data.open_streamed(str(folder), 32, 1.0, False), data.StreamedDataset)


@pytest.fixture
def as_before() -> Iterator[None]:
    """Commands switch torch's deterministic mode on, and set its threads, for good."""
    deterministic, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(deterministic)
    torch.set_num_threads(threads)


def here(arguments: list[str]) -> str:
    """What the command prints that is run in this process, and ends well."""
    ended = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output


SETTINGS = ("--set", "crop=32", "--set", "share=0.5", "--set", "images=64", "--set", "colour_jitter=true")


def test_a_search_that_is_killed_goes_on_to_the_same_bits(folder: Path, tmp_path: Path, as_before: None) -> None:
    """The killed one in a process of its own: a fork and threads do not go well together."""

    def command(results: Path) -> list[str]:
        return run_arguments(results, *SETTINGS, space="nasbench201", dataset=str(folder))

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    here(command(whole))
    begun = [sys.executable, "-m", "harness", *command(parts)]
    with subprocess.Popen(begun, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not any(parts.glob("*/*/checkpoint.pt")) and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert "resumed" in here(command(parts))
    assert end(run_folder(parts)) == end(run_folder(whole))


SMALLER = {
    "crop = 224": "crop = 32",
    "batch = 128": "batch = 8",
    "batch = 256": "batch = 16",
    "warmup = 20": "warmup = 1",
}


def test_the_cells_of_the_supplements_table_3_run(folder: Path, tmp_path: Path) -> None:
    """With small batches of small crops, and evaluations as small."""
    text = toml.read("suite", "supp-table3")
    for full, small in SMALLER.items():
        assert full in text
        text = text.replace(full, small)
    suite = tmp_path / "suite.toml"
    suite.write_text(text.replace("./imagenet", str(folder)))
    cells = resolve(definition.cells(str(suite), "smoke"))
    for cell in cells:
        ended = forked(harness(list(cell.request(tmp_path / "results", Equipment("cpu")).command)))
        assert ended.code == 0, ended.err
    assert [cell.is_done(tmp_path / "results") for cell in cells] == [True] * 4
    found = [json.loads(path.read_text())["spec"]["settings"] for path in tmp_path.glob("results/smoke/*/spec.json")]
    assert [(settings["data"]["crop"], settings["data"]["share"]) for settings in found] == [(32, 0.25)] * 2
