"""ISTA-NAS in one stage: a search ends when there is nothing left to decide."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.errors import HarnessError
from methods.stopping.stopping import Ending, Records, Stopping

WORDS = "that of the epoch after which every node was frozen; alpha is that of the same epoch"


@dataclass(frozen=True)
class AllFrozen(Stopping):
    """The search ends after the epoch at whose end every node is frozen (ISTA-NAS ista_nas_single/trainer.py, which
    trains the weights for an epoch more; choice: without it, as they are not kept). Goes with a relaxation whose nodes
    freeze: raises HarnessError after the first epoch of one that shows none."""

    def ending(self, records: Records, epochs: int) -> Ending | None:
        last = records[-1]
        if "frozen" not in last:
            raise HarnessError(
                "the stopping rule all-frozen needs a relaxation whose nodes freeze; take sparse-code-frozen."
            )
        return Ending("frozen", int(last["epoch"]), WORDS) if all(last["frozen"]) else None
