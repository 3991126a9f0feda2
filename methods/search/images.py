"""The images of a search: those that train the weights, those of alpha's loss, and both in batches."""

from __future__ import annotations

from harness.core.errors import HarnessError, quoted
from harness.core.types import Dataset
from methods.search.parts import Parts
from methods.training.batches import Batch, Batches
from spaces import Space


class Images:
    """Raises HarnessError where the data do not fit the parts."""

    def __init__(self, parts: Parts, space: Space, dataset: Dataset, seed: int, device: str) -> None:
        self.seed, self.schedule, data, divisor = seed, parts.schedule, parts.data, space.divisor(parts.macro)
        if dataset.image_size % divisor:
            raise HarnessError(
                f"images of {quoted(dataset.name)} have side {dataset.image_size}; it must divide by {divisor} here."
            )
        train, self.valid = dataset.to(device).halves(data.portion, data.images, data.normalisation, data.split_file)
        if min(len(train), len(self.valid)) < 2:
            raise HarnessError(
                f"{quoted(dataset.name)} gives {len(train)} images to the weights and {len(self.valid)} to alpha; "
                "batch norm needs 2 or more of each."
            )
        self.train = self.schedule.images_of_weights(train, self.valid)
        self.train_batches = self.of_weights("train", parts.training.batch)
        self.valid_batches = Batches(self.valid, seed, "valid", data.valid_batch)

    def of_weights(self, stream: str, size: int) -> Batches:
        """A stream of batches of the images that train the weights."""
        return Batches(self.train, self.seed, stream, size)

    def batch_of_alpha(self, update: int, train: Batch) -> Batch:
        """What alpha's loss is taken on in an update that belongs to a weight step on the batch `train`."""
        return self.schedule.batch_of_alpha(train, lambda: self.valid_batches.at(update))
