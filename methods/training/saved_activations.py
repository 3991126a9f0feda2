"""What a search keeps in memory: the bytes that its forward passes save for their backward passes.

Unlike the size of a process this is a fact of the method: it depends on the supernet, the batch and on what needs a
gradient, and two runs give the same number. What several passes keep at the same time counts together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Self

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


class SavedActivations(saved_tensors_hooks):
    """In this context what autograd saves is counted, storage by storage; `peak` is the most that was alive at once, in
    bytes. What lies in the storages of `without` (weights) does not count. The hooks change no value. They see what
    this thread saves."""

    def __init__(self, without: Iterable[Tensor] = ()) -> None:
        super().__init__(lambda tensor: _Held(tensor, self), lambda held: held.tensor)
        self.peak = self.alive = 0
        self._without = {tensor.untyped_storage().data_ptr() for tensor in without}
        self._uses: Counter[int] = Counter()

    def __enter__(self) -> Self:  # type: ignore[override]
        super().__enter__()
        return self

    def add(self, storage: torch.UntypedStorage, uses: int) -> None:
        """So many uses more of a storage, or fewer."""
        at = storage.data_ptr()
        before = self._uses[at]
        self._uses[at] = before + uses
        if at not in self._without and 0 in (before, before + uses):
            self.alive += uses * storage.nbytes()
            self.peak = max(self.peak, self.alive)


class _Held:
    """A saved tensor; it is counted as long as it exists."""

    def __init__(self, tensor: Tensor, counter: SavedActivations) -> None:
        self.tensor, self.counter = tensor.detach(), counter  # an output would hold the graph that holds it
        counter.add(tensor.untyped_storage(), 1)

    def __del__(self) -> None:
        self.counter.add(self.tensor.untyped_storage(), -1)
