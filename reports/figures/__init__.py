"""Figures of what run folders hold: one figure a file, and FIGURES lists them in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib
import seaborn as sns

from reports.figures import (
    ablation,
    anytime,
    convergence,
    cost,
    critical_difference,
    ess,
    landscapes,
    nasbench201,
    pareto,
    profile,
    rankings,
    weighing,
)
from reports.figures.frames import Frames
from reports.figures.plot import STYLE, Plot
from reports.records import Records

Figure = Callable[[Frames], list[Plot]]
FIGURES: Sequence[Figure] = (
    anytime.draw,
    convergence.draw,
    ess.draw,
    nasbench201.draw,
    ablation.draw,
    cost.draw,
    pareto.draw,
    critical_difference.draw,
    profile.draw,
    rankings.draw,
    landscapes.draw,
    weighing.draw,
)
"""Each gives the plots that the records have something for."""


def draw(records: Records, epoch: str = "last", of: Sequence[Figure] = FIGURES) -> list[Plot]:
    """Every one of these figures that the records have something for."""
    if records.epochs.empty:
        return []
    frames = Frames(records, epoch)
    with matplotlib.rc_context(STYLE), sns.axes_style("whitegrid", rc=STYLE):
        return [plot for figure in of for plot in figure(frames)]
