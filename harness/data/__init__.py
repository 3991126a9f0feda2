"""Datasets: labelled images in memory, from torchvision, folders, Parquet files or scikit-learn; and those of folders
too large for it, left in their files.

Importing this package loads neither torch nor any reader; they come with the first use of `load` and its like.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.data.catalogue import DATASETS
from harness.data.identity import check_name, content_digest, file_digest, short_name

if TYPE_CHECKING:
    from harness.data.images import ImageDataset, ImagePart, Images
    from harness.data.loading import load
    from harness.data.report import Report, check, prepare
    from harness.data.streamed import StreamedDataset, open_streamed

__all__ = [
    "DATASETS",
    "ImageDataset",
    "ImagePart",
    "Images",
    "Report",
    "StreamedDataset",
    "check",
    "check_name",
    "content_digest",
    "file_digest",
    "load",
    "open_streamed",
    "prepare",
    "short_name",
]

_HOMES = {
    "ImageDataset": "images",
    "ImagePart": "images",
    "Images": "images",
    "Report": "report",
    "StreamedDataset": "streamed",
    "check": "report",
    "load": "loading",
    "open_streamed": "streamed",
    "prepare": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
