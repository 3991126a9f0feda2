"""The marks of the best and the second best of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.tables.cells import (
    Cell,
)


def marked(cells: dict[tuple[str, ...], Cell], marks: int) -> dict[tuple[str, ...], Cell]:
    """The best and second best of a row, of the printed values and of the measured ones. Equal values share a mark, and
    the next value is the second best. Values of fewer runs than the row's are not marked."""
    if not marks:
        return cells
    printed = _places([float(cell.published.text) for cell in cells.values()], marks)
    whole = {
        column: float(cell.number(cell.measured.value))
        for column, cell in cells.items()
        if cell.measured and cell.measured.n >= (cell.published.statistic.n or 1)
    }
    measured = dict(zip(whole, _places(list(whole.values()), marks), strict=True)) if len(whole) > 1 else {}
    return {
        column: replace(
            cell,
            published=replace(cell.published, mark=mark),
            measured=cell.measured and replace(cell.measured, mark=measured.get(column, 0)),
        )
        for (column, cell), mark in zip(cells.items(), printed, strict=True)
    }


def _places(values: Sequence[float], marks: int) -> list[int]:
    """1 for the smallest, 2 for the second smallest value, up to `marks`; 0 for the others."""
    best = sorted(set(values))[:marks]
    return [best.index(value) + 1 if value in best else 0 for value in values]
