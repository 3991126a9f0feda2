"""CIFAR-10 and CIFAR-100 of a few random images, as published."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
from torchvision import datasets

PER_BATCH = 8
CIFAR10, CIFAR100 = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], ["train", "test"]


def make_cifar(root: Path, monkeypatch) -> None:
    """Both in the folder `root`, with the sums that torchvision is told to expect."""
    for dataset, names, key, meta, classes in (
        (datasets.CIFAR10, CIFAR10, "labels", "label_names", 10),
        (datasets.CIFAR100, CIFAR100, "fine_labels", "fine_label_names", 100),
    ):
        folder = root / dataset.base_folder
        folder.mkdir(parents=True)
        for number, name in enumerate(names):
            pixels = np.random.default_rng(number).integers(0, 256, (PER_BATCH * 6 // len(names), 3072), dtype=np.uint8)
            labels = [i % classes for i in range(len(pixels))]
            (folder / name).write_bytes(pickle.dumps({"data": pixels, key: labels}))
        file = dataset.meta["filename"]
        (folder / file).write_bytes(pickle.dumps({meta: [str(i) for i in range(classes)]}))
        sums = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in (*names, file)}
        monkeypatch.setattr(dataset, "train_list", [[name, sums[name]] for name in names[:-1]])
        monkeypatch.setattr(dataset, "test_list", [[names[-1], sums[names[-1]]]])
        monkeypatch.setattr(dataset, "meta", {"filename": file, "key": meta, "md5": sums[file]})
