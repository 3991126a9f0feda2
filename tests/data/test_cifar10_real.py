"""The real CIFAR-10 in the hub's layout, where it is at hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from harness.data import load
from harness.data.cifar_binary import TEST
from harness.data.parquet import read_parquet

CIFAR10 = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "cifar10"
pytestmark = pytest.mark.skipif(not CIFAR10.is_dir(), reason=f"no CIFAR-10 at {CIFAR10}")


def test_the_first_images_are_the_originals() -> None:
    dataset = load(str(CIFAR10), images=2000)
    assert (dataset.name, dataset.classes, dataset.image_size, dataset.padding) == ("cifar10", 10, 32, 4)
    assert not dataset.shuffled
    labels = pq.read_table(CIFAR10 / "train-00000-of-00001.parquet", columns=["label"]).column(0).to_pylist()
    assert dataset.train.labels.tolist() == labels[:2000]
    assert labels[:10] == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]  # frog, truck, truck, deer, ...
    assert dataset.train.pixels[0, :, 0, 0].tolist() == [59, 62, 63]  # the first frog's first pixel
    # A sample of 2,000 comes within half a percent of the whole set's means and deviations.
    statistics = dataset.statistics("darts", dataset.train)
    torch.testing.assert_close(
        torch.tensor(statistics.mean),
        torch.tensor([0.49140, 0.48216, 0.44653]),
        atol=5e-3,
        rtol=0,
    )
    torch.testing.assert_close(
        torch.tensor(statistics.std), torch.tensor([0.24703, 0.24349, 0.26159]), atol=5e-3, rtol=0
    )


def test_all_classes_are_balanced_in_both_splits() -> None:
    source = read_parquet(CIFAR10)
    assert source.train.labels.bincount().tolist() == [5000] * 10
    assert source.test is not None
    assert source.test().labels.bincount().tolist() == [1000] * 10


def test_images_from_the_middle_of_the_file_are_the_same_alone_or_together() -> None:
    train = read_parquet(CIFAR10).train
    rows = torch.tensor([49_999, 4999, 25_000, 5000])
    together = train.read(rows, 0)
    assert torch.equal(torch.cat([train.read(row[None], 0) for row in rows]), together)
    assert len(together.flatten(1).unique(dim=0)) == 4


def test_the_sums_of_the_binary_version_are_those_of_these_images() -> None:
    """Rebuilt from the hub's layout: a label and 3,072 pixels a record."""
    test = read_parquet(CIFAR10).test
    assert test is not None
    split = test()
    pixels = split.read(torch.arange(10_000), 0).flatten(1)
    records = torch.cat([split.labels[:, None].to(torch.uint8), pixels], dim=1)
    assert hashlib.md5(records.numpy().tobytes()).hexdigest() == TEST["test_batch.bin"]
