"""The datasets known by name. Imports nothing, so that listing them costs nothing."""

from __future__ import annotations

from collections.abc import Mapping

DATASETS: Mapping[str, str] = {
    "cifar10": "CIFAR-10: 50,000 + 10,000 colour images of 32x32, 10 classes (downloads 170 MB)",
    "cifar100": "CIFAR-100: 50,000 + 10,000 colour images of 32x32, 100 classes (downloads 169 MB)",
    "svhn": "SVHN, cropped digits: 73,257 + 26,032 colour images of 32x32, 10 classes (downloads 246 MB)",
    "digits": "scikit-learn's digits: 1,437 + 360 grey images of 8x8, 10 classes (no download)",
}
"""Name -> one line. Besides these, a path to an image folder or to Parquet files is a dataset too."""
