"""What a cell of the paper's tables holds: what was published, what was measured, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.tables.layouts import (
    METRICS,
)

WITHIN, BETTER, WORSE = "within", "better", "worse"
NOT_COMPARABLE, NOT_MEASURED = "not comparable", "not measured"
VERDICTS = (WITHIN, BETTER, WORSE, NOT_COMPARABLE, NOT_MEASURED)
RULE = (
    "Verdict: 'within' where measured and published lie no further apart than two results of one method would in 95 of "
    "100 cases, plus half a unit of the last printed digit; else 'better' or 'worse' as the arrow says. Means: Welch's "
    "interval (the published spread, or where there is none the measured one). A best of n: two bests of n normal "
    "values with the measured spread. Single values: the prediction interval. 'not comparable': another protocol, "
    "network size, GPU, statistic or fewer runs than the published value is of."
)


@dataclass(frozen=True)
class Statistic:
    """What a published value is: "best", "mean" or "single", of how many runs (None where its paper does not say)."""

    kind: str
    n: int | None = 1

    def __str__(self) -> str:
        return "single run" if self.kind == "single" else f"{self.kind} of {self.n or '?'}"


@dataclass(frozen=True)
class Published:
    """A printed number, as printed."""

    text: str
    std: str
    statistic: Statistic
    own: bool
    """Whether it is the paper's own result, not one that it copies."""
    note: str
    mark: int = 0
    """1 the best of its row, 2 the second best, where the paper marks them."""

    @property
    def decimals(self) -> int:
        return len(self.text.partition(".")[2])

    def __str__(self) -> str:
        return f"{self.text}±{self.std}" if self.std else self.text


@dataclass(frozen=True)
class Measured:
    """What the runs of one cell give."""

    value: float
    spread: float | None
    """Population standard deviation over the n runs; None for one run."""
    statistic: Statistic
    values: tuple[float, ...]
    runs: tuple[str, ...]
    size: str | None
    device: str
    unit: str = ""
    spoken: str = ""
    """What stands for the value where its unit is too large for it: "12 min" for 0.0083 days."""
    mark: int = 0

    @property
    def n(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Cell:
    """One number of the table."""

    published: Published
    measured: Measured | None
    verdict: str
    reason: str = ""
    """Why it is not comparable, or not measured."""
    decimals: int = 2

    def number(self, value: float, digits: int = 2) -> str:
        """With the column's decimals, or with so many digits where they would leave fewer."""
        plain = f"{value:.{self.decimals}f}"
        return plain if value == 0 or abs(value) >= 10 ** (digits - 1 - self.decimals) else f"{value:.{digits}g}"

    def measured_text(self) -> str:
        """ "2.71±0.05 (mean of 4)"; the spread is in the text for means only, as in the paper."""
        if self.measured is None:
            return "–"
        if self.measured.spoken:
            return self.measured.spoken
        spread = self.measured.spread
        shown = f"±{self.number(spread, 1)}" if spread is not None and self.measured.statistic.kind == "mean" else ""
        return f"{self.number(self.measured.value)}{shown}"

    def measured_with(self) -> str:
        """ "n=4, std 0.05, CPU-days": what the number needs to be understood."""
        if self.measured is None:
            return ""
        spread = self.measured.spread
        std = f"std {self.number(spread, 1)}" if spread is not None and self.measured.statistic.kind != "mean" else ""
        return ", ".join(filter(None, (str(self.measured.statistic), std, self.measured.unit)))


@dataclass(frozen=True)
class Row:
    labels: tuple[str, ...]
    cells: Mapping[tuple[str, ...], Cell]


@dataclass(frozen=True)
class Table:
    """A table of the paper, filled."""

    name: str
    report: str
    title: str
    source: str
    headings: tuple[str, ...]
    """Of the columns that label the rows."""
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[Row, ...]
    measured_under: str
    notes: tuple[str, ...]

    def heading(self, column: tuple[str, ...]) -> str:
        return " ".join(METRICS[part].heading if part in METRICS else part for part in column)

    def cells(self) -> list[tuple[Row, tuple[str, ...], Cell]]:
        return [(row, column, row.cells[column]) for row in self.rows for column in self.columns if column in row.cells]

    def reasons(self) -> list[str]:
        """Why cells that runs were found for have no verdict, each with the number of cells."""
        counts: dict[str, int] = {}
        for _, _, cell in self.cells():
            if cell.reason:
                counts[f"{cell.verdict}: {cell.reason}"] = counts.get(f"{cell.verdict}: {cell.reason}", 0) + 1
        return [f"{reason} ({count} {'cell' if count == 1 else 'cells'})" for reason, count in counts.items()]
