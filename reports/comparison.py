"""Two methods, or two results folders, side by side: the difference on every benchmark, and whether it is decided."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.core.errors import HarnessError, listed, quoted, unknown, visible
from reports import render
from reports.records import OF_EVALUATION
from reports.statistics import aggregates, inference
from reports.statistics.boards import Board, names
from reports.statistics.sheets import Sheet

A, B = "A", "B"


@dataclass(frozen=True)
class Side:
    """The runs of one side on a board: what they are called, their values by seed, and the values that each setting
    has which both sides should share."""

    name: str
    values: dict[int, float]
    settings: Mapping[str, frozenset[str]]

    @property
    def mean(self) -> float:
        return sum(self.values.values()) / len(self.values)


@dataclass(frozen=True)
class Comparison:
    """Of two sides on one benchmark, by one measure."""

    benchmark: str
    measure: str
    lower_is_better: bool
    a: Side
    b: Side

    @property
    def difference(self) -> inference.Difference:
        return inference.difference(self.a.values, self.b.values)

    @property
    def better(self) -> Side | None:
        """The side whose interval of the difference leaves no doubt."""
        found = self.difference
        if found.half is None or abs(found.mean) <= max(found.half, inference.SAME):
            return None
        return self.a if (found.mean < 0) == self.lower_is_better else self.b

    @property
    def differing(self) -> list[str]:
        """The settings that the two sides do not share, with the values of both: "lr (0.025 against 0.1)"."""
        found = []
        for name in sorted({*self.a.settings, *self.b.settings}):
            a, b = (side.settings.get(name, frozenset()) for side in (self.a, self.b))
            if a != b:
                found.append(visible(f"{name} ({_either(a)} against {_either(b)})"))
        return found

    @property
    def verdict(self) -> str:
        """One sentence."""
        settings = f"; {self.a.name} and {self.b.name} differ in {listed(found)}" if (found := self.differing) else ""
        return f"{self._decision}{settings}"

    @property
    def _decision(self) -> str:
        found, better = self.difference, self.better
        seeds = f"{len(self.a.values)} against {len(self.b.values)} seeds"
        if better is not None:
            wins = sum(pair * found.mean > 0 for pair in found.pairs)
            on = f"on {wins} of {len(found.pairs)} seeds" if found.pairs else seeds
            return f"{better.name} is better by {abs(found.mean):.2f} ± {found.half:.2f} points (95 %), {on}"
        if found.half is None:
            return f"not decided: {seeds}, and one seed has no spread; {_signed(found.mean)} points"
        if found.half == 0:
            return f"not decided: equal, {seeds}"
        needed = self._needed()
        more = f"; about {needed:,} seeds each would tell" if needed else ""
        return f"not decided: {_signed(found.mean)} ± {found.half:.2f} points (95 %), {seeds}{more}"

    def _needed(self) -> int | None:
        if pairs := self.difference.pairs:
            return inference.pairs_to_decide(pairs)
        return inference.seeds_to_separate(list(self.a.values.values()), list(self.b.values.values()))

    @property
    def improvement(self) -> aggregates.Estimate:
        """The probability that a run of a is better than one of b."""
        sign = 1 if self.lower_is_better else -1
        a, b = ([sign * value for value in side.values.values()] for side in (self.a, self.b))
        return aggregates.probability_of_improvement([a], [b])

    def row(self) -> dict[str, Any]:
        """Everything, unrounded."""
        found, improvement = self.difference, self.improvement
        half, better = found.half, self.better
        return {
            "benchmark": self.benchmark,
            "measure": self.measure,
            "a": self.a.name,
            "b": self.b.name,
            "n_a": len(self.a.values),
            "n_b": len(self.b.values),
            "mean_a": self.a.mean,
            "mean_b": self.b.mean,
            "difference": found.mean,
            "low": None if half is None else found.mean - half,
            "high": None if half is None else found.mean + half,
            "test": "none" if half is None else "paired t" if found.pairs else "Welch",
            "pairs": len(found.pairs),
            "p": None if math.isnan(found.p) else found.p,
            "improvement": improvement.value,
            "improvement_low": improvement.interval and improvement.interval.low,
            "improvement_high": improvement.interval and improvement.interval.high,
            "better": better and better.name,
            "differing": ", ".join(self.differing),
            "verdict": self.verdict,
        }


def of_methods(boards: Sequence[Board], a: str, b: str) -> list[Comparison]:
    """Where both have ranked runs. Raises HarnessError for a method without any, and where no place has both."""
    known = {str(method): None for board in boards for method in board.scores.method}
    for name in (a, b):
        if name not in known:
            raise unknown("method with ranked runs", name, known)
    named = names(boards)
    found = [
        _comparison(one, two, _side(one, a, _of_trainings), _side(two, b, _of_trainings), named[one.benchmark])
        for one, two in _pairs(boards, a, b)
    ]
    if not found:
        raise HarnessError(
            f"{quoted(a)} and {quoted(b)} have no ranked runs of one space, data set, protocol and budget."
        )
    return found


def _pairs(boards: Sequence[Board], a: str, b: str) -> Iterator[tuple[Board, Board]]:
    """The boards that have both methods; and, where the two never had one budget, the only board of either."""
    places: dict[tuple[Any, ...], tuple[list[Board], list[Board]]] = {}
    for board in boards:
        for having, method in zip(
            places.setdefault((board.benchmark.place, board.measure), ([], [])), (a, b), strict=True
        ):
            if method in set(board.scores.method):
                having.append(board)
    for of_a, of_b in places.values():
        both = [board for board in of_a if any(board is other for other in of_b)]
        if not both and len(of_a) == len(of_b) == 1:
            yield of_a[0], of_b[0]
        yield from zip(both, both, strict=True)


def of_folders(a: Sequence[Board], b: Sequence[Board]) -> list[Comparison]:
    """Every method that both have on a board of one benchmark and measure; A and B stand for the folders. Raises
    HarnessError where there is none."""
    named = names([*a, *b])
    others = {(board.benchmark, board.measure): board for board in b}
    found = [
        _comparison(
            board,
            other,
            _side(board, method, _all, A),
            _side(other, method, _all, B),
            f"{method} on {named[board.benchmark]}",
        )
        for board in a
        if (other := others.get((board.benchmark, board.measure))) is not None
        for method in sorted(set(board.scores.method) & set(other.scores.method))
    ]
    if not found:
        raise HarnessError("the two folders have no ranked runs of one method, space, data set, protocol and budget.")
    return found


def _side(board: Board, method: str, shared: Callable[[str], bool], name: str = "") -> Side:
    """`shared`: whether both sides should have a setting of this name alike."""
    runs: pd.DataFrame = board.scores[board.scores.method == method]
    values = {int(seed): float(value) for seed, value in runs.groupby("seed").value.mean().items()}
    names = {setting for of in runs.settings for setting in of if shared(setting)}
    return Side(name or method, values, {each: frozenset(str(of.get(each)) for of in runs.settings) for each in names})


def _of_trainings(setting: str) -> bool:
    """Other methods have other settings, but their cells are trained in one way."""
    return setting.startswith(OF_EVALUATION)


def _all(setting: str) -> bool:
    return True


def _either(values: Iterable[str]) -> str:
    return " or ".join(sorted(values)) or "none"


def _comparison(one: Board, two: Board, a: Side, b: Side, on: str) -> Comparison:
    budgets = dict.fromkeys((one.benchmark.budget, two.benchmark.budget))
    where = f"{on}; {one.benchmark.under}; {' against '.join(budgets)}"
    return Comparison(where, one.measure.words, one.measure.lower_is_better, a, b)


def markdown(comparisons: Sequence[Comparison]) -> str:
    """A sentence for each benchmark, and the numbers as a table."""
    verdicts = "".join(f"- {one.benchmark}: {one.verdict}.\n" for one in comparisons)
    return f"{verdicts}\n{render.sheet_markdown(sheet(comparisons))}"


def sheet(comparisons: Sequence[Comparison]) -> Sheet:
    """A row per benchmark."""
    note = (
        "Means by the measure that is named. Difference: A - B, in points, with its 95 % interval: paired by seed "
        "(Student's t) where the one with fewer seeds shares all of its seeds with the other, else Welch's; not "
        "corrected for the number of benchmarks. P(A better): that a run of A is better than one of B. "
        f"{aggregates.RESAMPLED}"
    )
    header = (
        *("benchmark", "measure", "A", "B", "n A", "n B", "mean A", "mean B", "A - B", "95 % interval", "test"),
        *("P(A better)", "its interval"),
    )
    return Sheet("comparison", _title(comparisons), note, header, tuple(map(_row, comparisons)), left=4)


def _row(one: Comparison) -> tuple[str, ...]:
    of, improvement = one.row(), one.improvement
    means = (f"{of[name]:.2f}" for name in ("mean_a", "mean_b"))
    interval = "–" if of["low"] is None else f"{_signed(of['low'])} to {_signed(of['high'])}"
    counts = (str(of["n_a"]), str(of["n_b"]))
    names = (of["benchmark"], of["measure"], of["a"], of["b"])
    difference = (_signed(of["difference"]), interval, of["test"])
    return (*names, *counts, *means, *difference, str(improvement), improvement.spread)


def _signed(points: float) -> str:
    return f"{round(points, 2) + 0.0:+.2f}"


def _title(comparisons: Sequence[Comparison]) -> str:
    """Who is better how often."""
    names = comparisons[0].a.name, comparisons[0].b.name
    better = [one.better.name if one.better else "" for one in comparisons]
    counts = ", ".join(f"{name} better on {better.count(name)}" for name in names)
    return f"{names[0]} against {names[1]}: {counts}, not decided on {better.count('')} of {len(better)}"
