"""Published data sets: torchvision's layout, made here in miniature, with downloads that fail."""

from __future__ import annotations

import hashlib
import http.client
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets
from torchvision.datasets.utils import extract_archive

from harness.core.errors import HarnessError
from harness.data import DATASETS, load, prepare

BATCHES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
PER_BATCH = 4


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CIFAR-10 of 4 images a batch, packed as published, whose sums torchvision is told to expect."""
    folder = tmp_path / "made" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, name in enumerate(BATCHES):
        data = np.random.default_rng(number).integers(0, 256, (PER_BATCH, 3072), dtype=np.uint8)
        labels = [(number + i) % 3 for i in range(PER_BATCH)][::-1]
        (folder / name).write_bytes(pickle.dumps({"data": data, "labels": labels}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    sums = [[name, md5(folder / name)] for name in BATCHES]
    packed = tmp_path / "made" / "cifar-10-python.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(folder, folder.name)
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5(folder / "batches.meta")}
    patches = {"train_list": sums[:5], "test_list": sums[5:], "meta": meta, "tgz_md5": md5(packed)}
    for attribute, value in patches.items():
        monkeypatch.setattr(datasets.CIFAR10, attribute, value)
    return packed


def expected(batches: range) -> torch.Tensor:
    arrays = [np.random.default_rng(n).integers(0, 256, (PER_BATCH, 3072), dtype=np.uint8) for n in batches]
    return torch.from_numpy(np.concatenate(arrays)).view(-1, 3, 32, 32)


def test_listing_datasets_loads_nothing_heavy() -> None:
    code = "import sys, harness.data as d; print(*d.DATASETS); print(*{'torch', 'numpy'}.intersection(sys.modules))"
    root = Path(__file__).resolve().parents[2]
    output = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert output == "cifar10 cifar100 svhn mnist fashion-mnist stl10 imagenet16-120 digits\n\n"


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", sorted(set(DATASETS) - {"digits"}))
@pytest.mark.parametrize("download", [True, False])
def test_an_absent_data_set_says_what_to_put_where(name: str, download: bool, tmp_path: Path) -> None:
    root = tmp_path / "root"
    with pytest.raises(HarnessError) as error:
        load(name, root, download=download)
    file = {
        "cifar10": "cifar-10-python.tar.gz",
        "cifar100": "cifar-100-python.tar.gz",
        "svhn": "train_32x32.mat",
        "mnist": "train-images-idx3-ubyte.gz",
        "fashion-mnist": "t10k-labels-idx1-ubyte.gz",
        "stl10": "stl10_binary.tar.gz",
        "imagenet16-120": "train_data_batch_1",
    }[name]
    fetched = download and name != "imagenet16-120"
    assert file in str(error.value)
    assert str(root) in str(error.value)
    assert ("no route to host" in str(error.value)) == fetched
    assert list(tmp_path.rglob("*")) == ([root] if fetched else [])


@pytest.mark.usefixtures("no_network")
def test_the_default_root_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "here"))
    with pytest.raises(HarnessError, match=str(tmp_path / "here")):
        load("cifar10")


@pytest.mark.filterwarnings("ignore:.*extract:DeprecationWarning")  # torchvision's, on newer Pythons
def test_a_download_is_put_in_place_whole_and_read_in_file_order(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(url: str, root: Path, filename: str, md5: str) -> None:
        shutil.copy(archive, root)
        extract_archive(archive, root)

    monkeypatch.setattr(datasets.cifar, "download_and_extract_archive", serve)
    root = tmp_path / "root"
    report = prepare("cifar10", root)
    assert [entry.name for entry in root.iterdir()] == ["cifar-10-batches-py"]
    dataset = load("cifar10", root, download=False)
    assert torch.equal(dataset.train.pixels, expected(range(5)))
    assert torch.equal(dataset.test.pixels, expected(range(5, 6)))
    assert dataset.train.labels[:4].tolist() == [0, 2, 1, 0]
    assert (dataset.name, dataset.classes, dataset.padding, dataset.flip) == ("cifar10", 10, 4, True)
    assert dataset.statistics("darts", dataset.train).mean == (0.49139968, 0.48215827, 0.44653124)
    assert not dataset.shuffled
    assert dataset.fingerprint in str(report)


@pytest.mark.parametrize(
    "failure",
    [ConnectionResetError("reset"), http.client.IncompleteRead(b"", 9), RuntimeError("File not found or corrupted.")],
)
def test_a_download_that_breaks_off_leaves_nothing(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(url: str, root: Path, filename: str, md5: str) -> None:
        Path(root, filename).write_bytes(b"half")
        raise failure

    monkeypatch.setattr(datasets.cifar, "download_and_extract_archive", break_off)
    with pytest.raises(HarnessError, match="could not be fetched"):
        load("cifar10", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_network")
@pytest.mark.filterwarnings("ignore:.*extract:DeprecationWarning")
def test_an_archive_put_there_by_hand_is_extracted(archive: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    archive = archive.rename(root / archive.name)
    assert len(load("cifar10", root, download=False).train) == 20
    assert sorted(entry.name for entry in root.iterdir()) == ["cifar-10-batches-py", archive.name]


@pytest.mark.usefixtures("no_network")
def test_what_a_killed_download_has_left_is_deleted_by_the_next(archive: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("killed", "at-work"):
        (root / f".download-{name}").mkdir(parents=True)
        (root / f".download-{name}" / "half").touch()
    for path in (root / ".download-killed" / "half", root / ".download-killed", root / ".download-at-work"):
        os.utime(path, (0, 0))
    shutil.copy(archive, root)
    load("cifar10", root)
    assert [path.name for path in root.glob(".download-*")] == [".download-at-work"]


def test_a_damaged_archive_is_named_and_kept(archive: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    damaged = root / archive.name
    damaged.write_bytes(archive.read_bytes()[:-10])
    with pytest.raises(HarnessError, match=r"cifar-10-python\.tar\.gz is damaged"):
        load("cifar10", root)
    assert list(root.iterdir()) == [damaged]


@pytest.mark.usefixtures("archive", "no_network")
def test_damaged_files_are_named_rather_than_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "cifar-10-batches-py"
    (folder / "data_batch_3").write_bytes(b"")
    with pytest.raises(HarnessError, match="cifar-10-batches-py is damaged or incomplete"):
        load("cifar10", tmp_path / "made")


def test_svhn_needs_only_its_training_file_to_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import scipy.io

    images = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 7), dtype=np.uint8)
    labels = np.array([[10, 1, 2, 10, 9, 3, 1]], dtype=np.uint8).T
    scipy.io.savemat(tmp_path / "train_32x32.mat", {"X": images, "y": labels})
    entry = ["http://localhost", "train_32x32.mat", md5(tmp_path / "train_32x32.mat")]
    monkeypatch.setitem(datasets.SVHN.split_list, "train", entry)
    dataset = load("svhn", tmp_path, download=False)
    assert dataset.train.labels.tolist() == [0, 1, 2, 0, 9, 3, 1]
    assert torch.equal(dataset.train.pixels, torch.from_numpy(images).permute(3, 2, 0, 1))
    assert (dataset.classes, dataset.flip) == (10, True)
    assert dataset.statistics("darts", dataset.train).mean == (0.4377, 0.4438, 0.4728)
    assert [len(half) for half in dataset.halves(0.5, 0, "darts")] == [3, 4]
    with pytest.raises(HarnessError, match=r"test_32x32\.mat"):
        _ = dataset.test
