"""Telling folders of pickled batches, CIFAR's above all, by their names: reading a pickle may run code."""

from __future__ import annotations

from pathlib import Path

_BATCHES = ("data_batch_1", "train_data_batch_1", "val_data", "test_batch", "batches.meta")
_SUFFIXES = (".pkl", ".pickle", ".p")


def holds_pickles(path: Path) -> bool:
    """Whether this is a pickle, or a folder of those: CIFAR's batches, or files that say what they are."""
    if path.is_file():
        return path.name in _BATCHES or path.suffix in _SUFFIXES
    files = {file.name for file in path.iterdir() if file.is_file()}
    return bool(files.intersection(_BATCHES)) or files >= {"train", "meta"} or any(map(_named, files))


def _named(file: str) -> bool:
    return file.endswith(_SUFFIXES)
