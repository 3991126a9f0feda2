"""The edge part of a method: what a mixed edge computes, and with which hyper-parameters."""

from __future__ import annotations

from torch import Tensor, nn

from spaces.space import Space
from spaces.supernet import Outgoing


class EdgePart:
    """What a mixed edge computes, with its hyper-parameters: the base of the frozen dataclasses that say so."""

    @property
    def outgoing(self) -> Outgoing:
        """Builds what leaves one state of a cell."""
        raise NotImplementedError

    def of_stage(self, number: int) -> EdgePart:
        """The edge that the supernet of a stage of the schedule has."""
        return self

    def all_gates(self, gates: Tensor, epoch: int, epochs: int) -> Tensor:
        """What `outgoing` is given at an epoch of so many: the gates (rows, widest) of alpha's operations, and in
        further columns those that alpha has no say in."""
        return gates

    def cutout(self, epoch: int, epochs: int) -> tuple[int, float]:
        """What the images of training lose at an epoch of so many, besides their usual augmentation: the side of a
        square in pixels, and the probability with which an image loses one."""
        return 0, 0.0

    def check(self, space: Space) -> None:
        """Raises HarnessError for a space that this edge does not apply to."""

    def check_width(self, channels: int) -> None:
        """Raises HarnessError for a supernet whose first cell has a number of channels that this edge cannot have."""

    def adjust(self, net: nn.Module, stage: int, epoch: int, epochs: int, warmup: int) -> None:
        """Sets what depends on the epoch, an epoch of a stage of so many."""
