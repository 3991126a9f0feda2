"""DARTS-ES: a search ends when the loss bends more and more in alpha."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Any

from harness.core.settings import setting
from methods.stopping.stopping import Curvature, Ending, Records, Stopping

WORDS = "that of the epoch before the Hessian's largest eigenvalue rose; alpha is that of the last epoch"


@dataclass(frozen=True)
class RisingCurvature(Stopping):
    """DARTS-ES (Zela et al., ICLR 2020; RobustDARTS utils.py:31-140): the search ends when the largest eigenvalue of
    the validation loss's Hessian in alpha, averaged over neighbouring epochs, has risen too much in a few epochs, and
    its cell is that from before the rise.

    Each average is of `es_window` values, `es_every` epochs apart, and counts for the epoch in their middle. With the
    defaults the search can first end after epoch 22, counted from 0, with the cell of epoch 10. An average that is not
    positive has no rise (choice).
    """

    es_every: int = setting(2, "RobustDARTS train_search.py:373-420: every other epoch, and the last", minimum=1)
    es_window: int = setting(5, "RobustDARTS args.py:59-68; odd, so that there is a middle", minimum=1)
    es_distance: int = setting(4, "same place: averages between which the rise is taken, so 8 epochs", minimum=1)
    es_start: int = setting(10, "same place: the first epoch whose average is compared", minimum=0)
    es_rise: float = setting(
        1.3, "same place; the paper says that the inverse falls below 0.75, which is 1.333", minimum=0
    )
    es_decay: float = setting(
        1e-3, "RobustDARTS search/analyze.py:110-192 adds alpha's weight decay to the Hessian's diagonal", minimum=0
    )

    def watches(self, epoch: int, epochs: int) -> bool:
        return epoch % self.es_every == 0 or epoch == epochs - 1

    def watch(self, curvature: Curvature) -> dict[str, Any]:
        return {"eigenvalue": curvature(self.es_decay)}

    @property
    def distance(self) -> int:
        """How many epochs before the one that the rise is noticed at the cell is taken from."""
        return (self.es_window // 2 + self.es_distance) * self.es_every

    def ending(self, records: Records, epochs: int) -> Ending | None:
        before = self.before_the_rise(records) if records[-1]["epoch"] != epochs - 1 else None
        return None if before is None else Ending("eigenvalue", before, WORDS)

    def before_the_rise(self, records: Records) -> int | None:
        """The epoch before the rise, if it was too much after the last of the records."""
        epoch = int(records[-1]["epoch"])
        watched = [record["eigenvalue"] for record in records if record["epoch"] % self.es_every == 0]
        before = epoch - self.distance
        if epoch % self.es_every or before < self.es_start or len(watched) < self.es_window + self.es_distance:
            return None
        newest = watched[-self.es_window :]
        older = watched[-self.es_window - self.es_distance : -self.es_distance]
        if None in (*newest, *older) or fmean(older) <= 0:
            return None
        return before if fmean(newest) > self.es_rise * fmean(older) else None
