"""How many runs end within a given regret: the performance profile of methods over benchmarks."""

from __future__ import annotations

import numpy as np

from reports.figures.frames import Frames
from reports.figures.panels import MOST_METHODS, figure_of, left_out, legend, logarithmic, steps, styles
from reports.figures.plot import Plot
from reports.statistics import aggregates

FEWEST = 5
"""Runs of each method that make a profile (choice)."""


def draw(frames: Frames) -> list[Plot]:
    """Of two methods or more that share benchmarks, on the data of their searches."""
    scored = frames.scored
    found = {} if scored.empty else aggregates.by_method(scored[scored.searched])
    regrets = {method: np.concatenate(list(of.values())) for method, of in found.items()}
    if len(regrets) < 2 or min(map(len, regrets.values())) < FEWEST:
        return []
    best = sorted(regrets, key=lambda method: float(regrets[method].mean()))[:MOST_METHODS]
    order, left = sorted(best), left_out(best, regrets, "those with the least mean regret")
    values = np.unique(np.concatenate([regrets[method] for method in order]))
    positive = values[values > 0]
    if not len(positive):
        return []
    figure, (ax,) = figure_of(1, height=2.4)
    low, high = positive[0] / 1.3, positive[-1] * 1.3
    at = np.concatenate([[low], positive, [high]])
    for method, style in styles(order).items():
        fractions = aggregates.within(regrets[method], at)
        steps(ax, at, fractions, *aggregates.interval_of_fractions(fractions, len(regrets[method])), style)
    logarithmic(ax.xaxis, low, high)
    ax.set(
        xlabel="regret (points of test error above the least that is known)",
        ylabel="fraction of runs",
        ylim=(-0.03, 1.03),
    )
    legend(figure, order, title=left)
    benchmarks = len(next(iter(found.values())))
    caption = (
        f"Fraction of the runs, over the {benchmarks} benchmarks that all methods share, whose cell has at most this "
        "regret; the least test error is that of a table's best cell, else of the best of these runs. Band: 95 % "
        f"interval, Clopper and Pearson. Runs: {', '.join(f'{m} {len(regrets[m])}' for m in order)}. {left}"
    )
    return [Plot("profile", "Performance profile", caption.strip(), figure)]
