"""The datasets known by name. Imports nothing, so that listing them costs nothing."""

from __future__ import annotations

from collections.abc import Mapping

DATASETS: Mapping[str, str] = {
    "cifar10": "CIFAR-10: 50,000 + 10,000 colour images of 32x32, 10 classes (downloads 170 MB)",
    "cifar100": "CIFAR-100: 50,000 + 10,000 colour images of 32x32, 100 classes (downloads 169 MB)",
    "svhn": "SVHN, cropped digits: 73,257 + 26,032 colour images of 32x32, 10 classes (downloads 246 MB)",
    "mnist": "MNIST, handwritten digits: 60,000 + 10,000 grey images of 28x28, 10 classes (downloads 12 MB)",
    "fashion-mnist": "Fashion-MNIST, clothes: 60,000 + 10,000 grey images of 28x28, 10 classes (downloads 31 MB)",
    "stl10": "STL-10, its labelled part: 5,000 + 8,000 colour images of 96x96, 10 classes (downloads 2.6 GB)",
    "imagenet16-120": "ImageNet16-120: 151,700 + 6,000 colour images of 16x16, 120 classes (no download: "
    "put its batches there)",
    "digits": "scikit-learn's digits: 1,437 + 360 grey images of 8x8, 10 classes (no download)",
}
"""Name -> one line. Besides these, a path to an image folder or to Parquet files is a dataset too."""
