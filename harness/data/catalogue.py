"""The datasets known by name. Imports no reader, so that listing them costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.core.registry import Registry

if TYPE_CHECKING:
    from harness.data.source import Source


class NamedDataset(Protocol):
    """What a dataset that is known by its name is."""

    @property
    def summary(self) -> str:
        """One line: what, how many, and whether they are downloaded."""
        ...

    def read(self, root: Path, download: bool) -> Source:
        """The images, kept in `root` if anywhere, and fetched there if absent and `download`. Raises HarnessError for
        what is absent or damaged."""
        ...


@dataclass(frozen=True)
class BuiltIn:
    """A dataset that the harness reads itself."""

    name: str
    summary: str

    def read(self, root: Path, download: bool) -> Source:
        if self.name == "digits":
            from harness.data.digits import read_digits

            return read_digits()
        if self.name == "imagenet16-120":
            from harness.data.imagenet16 import read_imagenet16

            return read_imagenet16(root)
        from harness.data.builtin import read_builtin  # torchvision takes two seconds to import

        return read_builtin(self.name, root, download)


_SUMMARIES: Mapping[str, str] = {
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

DATASETS: Registry[NamedDataset] = Registry(
    "datasets",
    "dataset",
    {name: BuiltIn(name, summary) for name, summary in _SUMMARIES.items()},
    interface="harness.data.catalogue:NamedDataset",
)
"""Besides these, a path to an image folder or to Parquet files is a dataset too."""
