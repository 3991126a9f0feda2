"""What all figures are drawn of: the records, and the frames that several figures need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from reports.records import Records
from reports.statistics.scores import labelled, scores


@dataclass(frozen=True)
class Frames:
    """Selected records, of which at least one has an epoch. `epoch` is "last" or "best": which test error of a training
    counts."""

    records: Records
    epoch: str

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """The epochs, counted from 1, with what they need of their runs."""
        runs = self.records.runs.assign(label=labelled(self.records.runs))[["run", "label", "space", "dataset"]]
        return self.records.epochs.merge(runs, on="run").assign(epoch=lambda frame: frame.epoch + 1)

    @cached_property
    def scored(self) -> pd.DataFrame:
        """The evaluated runs, as `reports.statistics.scores.scores` gives them."""
        return scores(self.records, self.epoch)
