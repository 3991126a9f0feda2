"""What searches would have returned at any time: regret, the gap between validation and test, and targets attained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.costs import unit
from reports.figures.frames import Frames
from reports.figures.panels import (
    GREY,
    MOST_METHODS,
    NARROW,
    figure_of,
    from_zero,
    left_out,
    legend,
    logarithmic,
    steps,
    styles,
    wrapped,
)
from reports.figures.plot import Plot
from reports.statistics import aggregates, inference
from reports.statistics.anytime import MEANING, USUAL, Axis, Course, Race, grid, incumbents, is_wide, races

TARGETS = (5.0, 1.0, 0.5)
"""Points of regret (choice)."""
BEST = "those whose cells are the best in the end, by mean rank over the benchmarks"
EVEN = 0.01
"""Points of regret below which an axis is even down to 0, if there is something below (choice)."""
COMMON, BESTS = "common budget", "table's best cells"
BUDGET: Mapping[str, Any] = {"color": GREY, "linestyle": ":", "linewidth": 0.9}
IDEAL: Mapping[str, Any] = {"color": GREY, "linestyle": "-", "linewidth": 0.9}
DOTTED = f"Dotted: the {COMMON}, the most that every method has spent."
BAND = "band: 95 % interval of it, Student's t"


def draw(frames: Frames) -> list[Plot]:
    return draw_over(frames, USUAL)


def draw_over(frames: Frames, axes: Sequence[Axis]) -> list[Plot]:
    """For each kind of budget: regret, gap, and how many runs attain a target. Methods have one colour in all, where
    there is one for each."""
    found = incumbents(frames.records)
    best = _best_first(found)
    return [plot for axis in axes for plot in _plots(races(found, axis), axis, best)]


def _best_first(found: pd.DataFrame) -> list[str]:
    """The methods, those first that are the BEST."""
    last = found.groupby(["space", "dataset", "method", "run"]).test.last()
    means = last.groupby(["space", "dataset", "method"]).mean().groupby(["space", "dataset"]).rank(ascending=False)
    return list(means.groupby("method").mean().sort_values(kind="stable").index)


def _plots(found: Sequence[Race], axis: Axis, best: Sequence[str]) -> Iterator[Plot]:
    if not found:
        return
    methods = {method for race in found for method in race.courses}
    # Those that spent nothing here have a colour if there is room, so that the others keep theirs.
    order = sorted(sorted(best, key=lambda method: method not in methods)[:MOST_METHODS])
    drawn = methods & set(order)
    found = [race for race in found if drawn & set(race.courses)]
    left = left_out(drawn, methods, BEST)
    said = f"{MEANING[axis.name]} {_runs(found)}"
    yield _regrets(found, axis, order, said, left)
    if any(np.isfinite(trace.gap).any() for race in found for of in race.courses.values() for trace in of.traces):
        yield _gaps(found, axis, order, said, left)
    if shared := [race for race in found if race.best is not None and drawn <= set(race.courses)]:
        yield _attained(shared, axis, order, MEANING[axis.name], left)


def _regrets(found: Sequence[Race], axis: Axis, order: Sequence[str], said: str, left: str) -> Plot:
    figure, axes = figure_of(len(found), height=2.1)
    for ax, race in zip(axes, found, strict=True):
        means = []
        for at, values, style in _courses(race, order, "regret"):
            mean, half = values.mean(axis=0), inference.half_widths_of_means(values)
            steps(ax, at / _unit(race)[0], mean, np.maximum(mean - half, 0), mean + half, style)
            means.append(mean)
        _along(ax, race)
        ax.set(
            title=wrapped(race.benchmark, NARROW), ylabel="test error (%)" if race.best is None else "regret (points)"
        )
        drawn = np.concatenate(means)
        if race.best is not None and drawn.max() > EVEN:
            least = drawn.min()
            scaled = partial(from_zero, even=EVEN) if least < EVEN else partial(logarithmic, low=least / 1.3)
            scaled(ax.yaxis, high=1.3 * drawn.max())
    legend(
        figure, order, shown={method for race in found for method in race.courses}, more={COMMON: BUDGET}, title=left
    )
    caption = (
        "Test accuracy of the cell that a run would have returned, below that of the table's best (where the best is "
        f"not known, its test error): mean over the runs, from where all have begun; {BAND}. Where a mean comes below "
        f"{EVEN:g} points, the axis is logarithmic above them and even below, down to 0. {DOTTED} {said} {left}"
    )
    return Plot(f"anytime-{axis.name}", f"Regret over {axis.label}", caption.strip(), figure)


def _gaps(found: Sequence[Race], axis: Axis, order: Sequence[str], said: str, left: str) -> Plot:
    figure, axes = figure_of(len(found), height=2.1)
    for ax, race in zip(axes, found, strict=True):
        for at, values, style in _courses(race, order, "gap"):
            mean, half = values.mean(axis=0), inference.half_widths_of_means(values)
            steps(ax, at / _unit(race)[0], mean, mean - half, mean + half, style)
        if race.best is not None:
            ax.axhline(race.best["valid"] - race.best["test"], **IDEAL)
        _along(ax, race)
        ax.set(title=wrapped(race.benchmark, NARROW), ylabel="valid - test (points)")
    known = {BESTS: IDEAL} if any(race.best is not None for race in found) else {}
    shown = {method for race in found for method in race.courses}
    legend(figure, order, shown=shown, more={COMMON: BUDGET, **known}, title=left)
    caption = (
        f"Validation accuracy less test accuracy of the cell that a run would have returned, by the table: mean over "
        f"the runs; {BAND}. Grey line across: the best validation accuracy of the table less its best test accuracy; "
        f"above it a cell is nearer to the best by validation than by test. {DOTTED} {said} "
        f"{left}"
    )
    return Plot(f"gap-{axis.name}", f"Gap between validation and test over {axis.label}", caption.strip(), figure)


def _attained(found: Sequence[Race], axis: Axis, order: Sequence[str], said: str, left: str) -> Plot:
    figure, axes = figure_of(len(TARGETS))
    length, unit_of_axis = _unit(*found)
    first = min(float(trace.spent[0]) for race in found for of in race.courses.values() for trace in of.traces)
    drawn = {method: style for method, style in styles(order).items() if method in found[0].courses}
    for ax, target in zip(axes, TARGETS, strict=True):
        for method, style in drawn.items():
            at = grid(axis, first, max(race.courses[method].ends for race in found))
            attained = np.concatenate([race.courses[method].regrets(at) <= target for race in found])
            fractions = attained.mean(axis=0)
            steps(ax, at / length, fractions, *aggregates.interval_of_fractions(fractions, len(attained)), style)
        _scaled(ax, axis, first / length, max(of.ends for race in found for of in race.courses.values()) / length)
        ax.set(ylim=(-0.03, 1.03), title=f"within {target:g} {'point' if target == 1 else 'points'}")
        ax.set(xlabel=f"{axis.label}{unit_of_axis}")
    axes[0].set_ylabel("fraction of runs")
    legend(figure, order, shown=drawn, title=left)
    counts = {method: sum(race.courses[method].n for race in found) for method in drawn}
    caption = (
        f"Fraction of all runs, on {', '.join(race.benchmark for race in found)} together (the benchmarks that all "
        "methods share), that would have returned a cell whose regret is at most so much: empirical attainment. Band: "
        f"95 % interval, Clopper and Pearson. Runs: {', '.join(f'{name} {n}' for name, n in counts.items())}. {said} "
        f"{left}"
    )
    return Plot(f"attainment-{axis.name}", f"Targets attained over {axis.label}", caption.strip(), figure)


def _courses(race: Race, order: Sequence[str], what: str) -> Iterator[tuple[np.ndarray, np.ndarray, dict[str, object]]]:
    """The grid of each method, the values of its runs there (runs, places), and how it is drawn."""
    for method, style in styles(order).items():
        if (course := race.courses.get(method)) is not None:
            at = grid(race.axis, course.begins, course.ends)
            yield at, course.regrets(at) if what == "regret" else course.gaps(at), style


def _along(ax: Axes, race: Race) -> None:
    length, name = _unit(race)
    courses: list[Course] = list(race.courses.values())
    _scaled(ax, race.axis, min(of.begins for of in courses) / length, max(of.ends for of in courses) / length)
    ax.axvline(race.budget / length, **BUDGET)
    ax.set_xlabel(f"{race.axis.label}{name}")


def _scaled(ax: Axes, axis: Axis, low: float, high: float) -> None:
    if is_wide(low, high):
        logarithmic(ax.xaxis, low, high)
        return
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=not axis.timed, min_n_ticks=1))
    if low < high:
        ax.set_xlim(low, high)


def _unit(*found: Race) -> tuple[float, str]:
    """The length of the axis' unit, and what it is called after the label."""
    if not found[0].axis.timed:
        return 1.0, ""
    length, name = unit(pd.Series([of.ends for race in found for of in race.courses.values()]))
    return length, f" ({name})"


def _runs(found: Sequence[Race]) -> str:
    counts = {course.n for race in found for course in race.courses.values()}
    return f"n = {min(counts)}{f' to {max(counts)}' if len(counts) > 1 else ''} runs of a method on a benchmark."
