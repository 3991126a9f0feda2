"""Single-level search: one set of images, and one batch a step, for the weights and for alpha."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.core.settings import setting
from harness.core.types import Part
from methods.schedules.alternating import Alternating
from methods.training.batches import Batch
from methods.training.joined import Joined


@dataclass(frozen=True)
class SingleLevel(Alternating):
    """The weights are trained on all images, those of alpha too, and alpha's loss is taken on the batch of the weight
    step (SNAS, Xie et al., ICLR 2019; ISTA-NAS in one stage). The epoch-end validation is on images that were trained
    on. Both gradients of a simultaneous step are taken before either moves, each in a forward of its own (choice)."""

    order: str = setting(
        "simultaneous",
        "SNAS: both move from where they were; the other orders: alpha, or the weights, first",
        choices=("simultaneous", "alpha-first", "weights-first"),
    )

    def images_of_weights(self, train: Part, valid: Part) -> Part:
        return Joined(train, valid)

    def batch_of_alpha(self, train: Batch, valid: Callable[[], Batch]) -> Batch:
        return train
