"""The images that a cell is trained and tested on, batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from harness import data
from harness.core.errors import HarnessError
from harness.core.rng import generator, seed_of
from harness.data.folders import Listing
from harness.data.images import ImagePart
from harness.data.normalisation import Statistics, constants
from harness.evaluation.distributed import ProcessGroup
from harness.evaluation.recipes import InMemory, Streamed
from methods.training.batches import Batch, Order

TEST_BATCH = 250
"""Images per batch of a test; eval mode, so it does not enter the result."""


class Source(Protocol):
    """Images by row."""

    @property
    def classes(self) -> int: ...

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def image_size(self) -> int: ...

    @property
    def normalisation(self) -> Statistics:
        """What the network's images were normalised with."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of training and test images."""
        ...

    @property
    def counts(self) -> tuple[int, int]:
        """How many images there are to train and to test on."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences on what was chosen or left out of the data, which a user should know of."""
        ...

    def train(self, order: Order, group: ProcessGroup, step: int) -> Batch:
        """This process's share of the training batch with this number, augmented."""
        ...

    def test(self, group: ProcessGroup) -> Iterator[Batch]:
        """This process's share of the test images, as they are."""
        ...


@dataclass(frozen=True, eq=False)
class MemorySource:
    """Images on the device."""

    class_names: tuple[str, ...]
    image_size: int
    fingerprint: str
    training: ImagePart
    testing: ImagePart
    notices: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def normalisation(self) -> Statistics:
        return constants(self.testing.mean, self.testing.std)

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.training), len(self.testing)

    def train(self, order: Order, group: ProcessGroup, step: int) -> Batch:
        draw = generator(order.seed, f"{order.stream}/augment/{group.rank}", step)
        return self.training.batch(group.part_of(order.at(step)), draw)

    def test(self, group: ProcessGroup) -> Iterator[Batch]:
        rows = group.part_of(torch.arange(len(self.testing)))
        return (self.testing.batch(chosen, None) for chosen in rows.split(TEST_BATCH))


class FolderSource:
    """Images in files, which worker processes read ahead."""

    def __init__(self, name: str, settings: Streamed, workers: int, device: str) -> None:
        from harness.data.streaming import MEAN, STD, Files, Stream, open_image_folder

        folder = open_image_folder(name)
        self.class_names, self.classes, self.image_size = folder.classes, len(folder.classes), settings.crop
        self.normalisation = Statistics(MEAN, STD)
        self.workers, self.device = workers, device
        self.notices = folder.notices
        self._train_rows = _some(len(folder.train), settings.images)
        self._test_rows = _some(len(folder.test), settings.test_images)
        self.counts = len(self._train_rows), len(self._test_rows)
        self.fingerprint = _fingerprint(folder.train, folder.test)
        self._files = Files(folder.train, settings.crop, settings.resize)
        self._test_files = Files(folder.test, settings.crop, settings.resize)
        self._stream: Stream | None = None

    def train(self, order: Order, group: ProcessGroup, step: int) -> Batch:
        from harness.data.streaming import Item, Stream

        def items(number: int) -> list[Item]:
            chosen, offset = order.at(number), number // order.per_pass * order.count
            seeds = (
                seed_of(order.seed, f"{order.stream}/augment", offset + row) for row in group.part_of(chosen).tolist()
            )
            return list(zip(self._train_rows[group.part_of(chosen)].tolist(), seeds, strict=True))

        if self._stream is None:
            self._stream = Stream(self._files, items, self.workers)
        return self._moved(self._stream.at(step))

    def test(self, group: ProcessGroup) -> Iterator[Batch]:
        from harness.data.streaming import Item, read

        rows = group.part_of(self._test_rows).split(TEST_BATCH)
        batches: list[list[Item]] = [[(row, None) for row in chosen.tolist()] for chosen in rows]
        return map(self._moved, read(self._test_files, batches, self.workers))

    def _moved(self, batch: Batch) -> Batch:
        images, labels = batch
        return images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)


def open_source(
    settings: InMemory | Streamed, name: str, root: Path | None, device: str, workers: int, download: bool = True
) -> Source:
    """Raises HarnessError where the data are absent, unfit, or have no test part."""
    if isinstance(settings, Streamed):
        return FolderSource(name, settings, workers, device)
    dataset = data.load(name, root, download, settings.images, settings.test_images, settings.resize).to(device)
    training, testing = dataset.whole(settings.normalisation, settings.cutout, settings.validation, settings.unseen)
    prints = f"{dataset.fingerprint} {testing.images.fingerprint()}"
    return MemorySource(
        dataset.class_names,
        dataset.image_size,
        hashlib.sha256(prints.encode()).hexdigest(),
        training,
        testing,
        dataset.notices,
    )


def training_order(source: Source, seed: int, batch: int, group: ProcessGroup) -> Order:
    """The training batches, of which every process takes two images or more: batch norm needs as many.
    Raises HarnessError where there are too few."""
    least, (count, _) = 2 * group.world, source.counts
    if min(count, batch) < least:
        raise HarnessError(
            f"{count} training images in batches of {batch} leave {group.world} processes fewer than 2 images each; "
            "batch norm needs 2 or more."
        )
    return Order(count, seed, "train", batch, least)


def _some(count: int, wanted: int) -> Tensor:
    """All rows in order, or so many of them, drawn once: files come class by class."""
    rows = torch.arange(count)
    return torch.randperm(count, generator=generator(0, "data order"))[:wanted] if wanted else rows


def _fingerprint(*listings: Listing) -> str:
    """sha256 over the names of all files: reading a million of them again would take as long as an epoch."""
    digest = hashlib.sha256()
    for listing in listings:
        digest.update(b"\n".join(listing.names.tolist()) + b"\n\n")
    return digest.hexdigest()
