"""Image folders that are read image by image: a batch is a function of its number, whoever reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from harness.core.errors import HarnessError
from harness.data.streaming import MEAN, STD, Files, Stream, open_image_folder, read
from harness.evaluation.distributed import ProcessGroup
from harness.evaluation.images import FolderSource
from harness.evaluation.recipes import Streamed
from methods.training.batches import Order

COUNT = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of noise of different sizes and shapes."""
    root, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for part, count in (("train", COUNT), ("val", 6)):
        for number in range(count):
            path = root / part / "ab"[number % 2] / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            size = (20 + number, 40 - number, 3)
            Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)).save(path)
    return root


def source_of(folder: Path, workers: int = 0, **settings: int) -> FolderSource:
    return FolderSource(str(folder), Streamed(crop=16, resize=20, **settings), workers, "cpu")


ORDER = Order(COUNT, 3, "train", 4)


def train(source: FolderSource, step: int, group: ProcessGroup | None = None) -> torch.Tensor:
    return source.train(ORDER, group or ProcessGroup(), step)[0]


def test_a_folder_is_listed_in_order(folder: Path) -> None:
    found = open_image_folder(str(folder))
    assert (found.classes, len(found.train), len(found.test)) == (("a", "b"), COUNT, 6)
    assert found.train.labels.tolist() == [0] * 6 + [1] * 6
    assert found.train.encoded(7).source == folder / "train" / "b" / "03.png"


def test_batches_are_the_rows_of_the_order_and_new_in_each_pass(folder: Path) -> None:
    source = source_of(folder)
    images, labels = source.train(ORDER, ProcessGroup(), 0)
    assert (images.shape, images.dtype) == ((4, 3, 16, 16), torch.float32)
    assert labels.tolist() == [int(row >= 6) for row in ORDER.at(0)]
    seen = {image.numpy().tobytes() for step in range(6) for image in train(source, step)}
    assert len(seen) == 2 * COUNT


def test_a_stream_that_begins_anywhere_gives_the_same(folder: Path) -> None:
    straight = source_of(folder)
    batches = [train(straight, step) for step in range(5)]
    before = torch.random.get_rng_state()
    for step in (4, 1, 2, 0):
        assert torch.equal(train(source_of(folder), step), batches[step])
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12 warns of forks beside threads
def test_workers_change_nothing(folder: Path) -> None:
    alone, helped = source_of(folder), source_of(folder, workers=2)
    for step in (2, 3):
        assert torch.equal(train(helped, step), train(alone, step))
    for one, other in zip(helped.test(ProcessGroup()), alone.test(ProcessGroup()), strict=True):
        assert torch.equal(one[0], other[0])


def test_shares_are_parts_of_the_same_batch(folder: Path) -> None:
    source = source_of(folder)
    whole, parts = train(source, 1), [train(source_of(folder), 1, ProcessGroup(rank, 2)) for rank in range(2)]
    assert torch.equal(whole[0::2], parts[0])
    assert torch.equal(whole[1::2], parts[1])
    tested = [labels for rank in range(2) for _, labels in source.test(ProcessGroup(rank, 2))]
    assert sorted(torch.cat(tested).tolist()) == [0, 0, 0, 1, 1, 1]


def test_test_images_are_resized_and_cut_out_of_the_centre(folder: Path) -> None:
    ((images, labels),) = source_of(folder).test(ProcessGroup())
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    with Image.open(folder / "val" / "a" / "00.png") as original:  # 40 x 20: the shorter side is already 20
        pixels = np.asarray(original)[2:18, 12:28] / 255
    expected = (torch.from_numpy(pixels).permute(2, 0, 1) - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[
        :, None, None
    ]
    torch.testing.assert_close(images[0], expected.float(), atol=1e-5, rtol=0)


def test_fewer_images_are_drawn_from_all_classes(folder: Path) -> None:
    source = source_of(folder, images=6, test_images=4)
    assert source.counts == (6, 4)
    assert set(torch.cat([labels for _, labels in source.test(ProcessGroup())]).tolist()) == {0, 1}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_damaged_image_is_named_in_one_sentence(folder: Path, tmp_path: Path, workers: int) -> None:
    path = tmp_path / "train" / "a" / "x.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no image")
    (tmp_path / "val").symlink_to(tmp_path / "train")
    files = Files(open_image_folder(str(tmp_path)).train, 16, 20)
    with pytest.raises(HarnessError) as error:
        list(read(files, [[(0, None)]], workers))
    assert str(error.value) == f"{path} is not an image that can be read; repair or remove it."


def test_a_stream_reads_on_where_it_is(folder: Path) -> None:
    asked: list[int] = []

    def items(number: int) -> list[tuple[int, int | None]]:
        asked.append(number)
        return [(number, None)]

    stream = Stream(Files(open_image_folder(str(folder)).train, 16, 20), items, 0)
    for number in (3, 4, 5, 1):
        stream.at(number)
    assert asked == [3, 4, 5, 1]


@pytest.mark.parametrize(
    ("made", "message"), [((), "is no image folder"), (("train/a",), "has no test part; add test/")]
)
def test_what_is_no_folder_to_evaluate_on(tmp_path: Path, made: tuple[str, ...], message: str) -> None:
    for name in made:
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name / "x.png")
    with pytest.raises(HarnessError, match=message):
        open_image_folder(str(tmp_path))
