"""CIFAR-10's binary version under the name cifar10."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.core.errors import HarnessError
from harness.data import cifar_binary, load

PER_BATCH = 5


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of which the binary version's files hold 5 images each, and are taken for the published ones."""
    folder = tmp_path / "root" / cifar_binary.FOLDER
    folder.mkdir(parents=True)
    for attribute in ("TRAIN", "TEST"):
        sums = {}
        for name in getattr(cifar_binary, attribute):
            (folder / name).write_bytes(b"".join(record(name, i) for i in range(PER_BATCH)))
            sums[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
        monkeypatch.setattr(cifar_binary, attribute, sums)
    return folder.parent


def record(name: str, number: int) -> bytes:
    """Of which the label, and the first pixel of each channel, tell which it is."""
    pixels = np.zeros((3, 32, 32), np.uint8)
    pixels[:, 0, 0] = [len(name), ord(name[11]) if name.startswith("data") else 0, number]
    return bytes([number]) + pixels.tobytes()


def test_the_files_images_in_their_order(root: Path) -> None:
    dataset = load("cifar10", root, download=False)
    train, test = dataset.train, dataset.test
    assert dataset.class_names == cifar_binary.CLASSES
    assert train.labels.tolist() == list(range(PER_BATCH)) * 5
    first = [[16, ord(batch), number] for batch in "12345" for number in range(PER_BATCH)]
    assert train.pixels[:, :, 0, 0].tolist() == first
    assert test.pixels[:, :, 0, 0].tolist() == [[14, 0, number] for number in range(PER_BATCH)]
    assert int(train.pixels.sum()) == int(torch.tensor(first).sum())


def test_a_damaged_file_is_named(root: Path) -> None:
    damaged = root / cifar_binary.FOLDER / "data_batch_3.bin"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(HarnessError, match=r"data_batch_3\.bin is absent, damaged or incomplete"):
        load("cifar10", root, download=False)


def test_the_python_version_wins_where_both_are_there(root: Path) -> None:
    (root / "cifar-10-batches-py").mkdir()
    with pytest.raises(HarnessError, match="cifar-10-batches-py is damaged or incomplete"):
        load("cifar10", root, download=False)
