"""OLES: an operation's weights are trained no longer once its training and its validation gradient part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.core.settings import setting
from methods.freezing.freezing import Agreement, Freezing, Memory


@dataclass(frozen=True)
class DivergingGradients(Freezing):
    """Operation-level early stopping (OLES, Jiang et al., NeurIPS 2023; confopt searchspace/common/base_search.py): the
    cosine between the gradients of an operation's weights on the training batch and on one of alpha's, averaged over
    `oles_frequency` weight steps; where it is below the threshold, the weights are frozen from this step on.

    Choices: the averages are over steps that follow one another, each step in one average; a step in which an operation
    has no gradient, for it was not sampled, is not counted for it. alpha's batch is the one with the number of the
    weight step, that of alpha's own update where alpha moves at every step, in a pass of its own at the gates of the
    weight step.
    """

    oles_frequency: int = setting(20, "confopt searchspace/common/base_search.py: frequency", minimum=1)
    oles_threshold: float = setting(0.4, "same place: threshold", minimum=-1, maximum=1)

    def before_step(self, memory: Memory, agreement: Agreement) -> Memory:
        cosines = agreement()
        sums, counts, frozen = (
            memory.get(name, torch.zeros_like(cosines, dtype=dtype))
            for name, dtype in (("sums", torch.float64), ("counts", torch.int64), ("frozen", torch.bool))
        )
        sums, counts = sums + cosines.nan_to_num(0.0), counts + ~cosines.isnan()
        full = counts == self.oles_frequency
        below = sums / self.oles_frequency < self.oles_threshold
        return {
            "sums": sums.masked_fill(full, 0.0),
            "counts": counts.masked_fill(full, 0),
            "frozen": frozen | (full & below),
        }

    def frozen(self, memory: Memory) -> Tensor | None:
        return memory["frozen"]

    def shown(self, memory: Memory) -> dict[str, Any]:
        return {"frozen_operations": int(memory["frozen"].sum())}
