"""The images of a search: those that train the weights, those of alpha's loss, and both in batches."""

from __future__ import annotations

from functools import cache

from torch import Generator, Tensor

from harness.core.cutout import check_cutout, some_cut_out
from harness.core.errors import HarnessError, quoted
from harness.core.types import Dataset
from methods.schedules.clock import Clock
from methods.search.parts import Parts
from methods.training.batches import Batch, Batches
from spaces import Space


class Images:
    """Raises HarnessError where the data do not fit the parts."""

    def __init__(self, parts: Parts, space: Space, dataset: Dataset, seed: int, device: str) -> None:
        self.seed, self.schedule, data, divisor = seed, parts.schedule, parts.data, space.divisor(parts.macro)
        self.edge, self.cutout = parts.edge, (0, 0.0)
        if dataset.image_size % divisor:
            raise HarnessError(
                f"images of {quoted(dataset.name)} have side {dataset.image_size}; it must divide by {divisor} here."
            )
        length, _ = parts.edge.cutout(0, 1)
        check_cutout("search_cutout", length, dataset.image_size)
        train, self.valid = dataset.to(device).halves(data.portion, data.images, data.normalisation, data.split_file)
        if min(len(train), len(self.valid)) < 2:
            raise HarnessError(
                f"{quoted(dataset.name)} gives {len(train)} images to the weights and {len(self.valid)} to alpha; "
                "batch norm needs 2 or more of each."
            )
        self.train = self.schedule.images_of_weights(train, self.valid)
        self._batch, self._valid_batch = parts.training.batch, data.valid_batch
        self.train_batches = cache(self._train_batches)
        self.valid_batches = cache(self._valid_batches)

    def _train_batches(self, stage: int) -> Batches:
        """Those of the weight steps in a stage of the schedule."""
        return self.of_weights("train", self._batch + self.schedule.larger(stage))

    def _valid_batches(self, stage: int) -> Batches:
        """Those that alpha's losses are taken on."""
        return Batches(self.valid, self.seed, "valid", self._valid_batch + self.schedule.larger(stage), self._altered)

    def adjust(self, clock: Clock) -> None:
        """Cuts as much out of the images, in all batches from now on, as the edge part says for this epoch."""
        self.cutout = self.edge.cutout(clock.epoch, clock.epochs)

    def of_weights(self, stream: str, size: int) -> Batches:
        """A stream of batches of the images that train the weights."""
        return Batches(self.train, self.seed, stream, size, self._altered)

    def batch_of_weights(self, stage: int, epoch: int, step: int) -> Batch:
        """What a weight step is taken on."""
        batches = self.train_batches(stage)
        return batches.at(epoch * batches.per_pass + step)

    def batch_of_alpha(self, stage: int, update: int, train: Batch) -> Batch:
        """What alpha's loss is taken on in an update that belongs to a weight step on the batch `train`."""
        return self.schedule.batch_of_alpha(train, lambda: self.valid_batches(stage).at(update))

    def _altered(self, images: Tensor, draw: Generator) -> Tensor:
        length, probability = self.cutout
        return some_cut_out(images, length, probability, draw) if length and probability else images
