"""Cells and tables as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from harness.core.genotype import Genotype


def cell_rows(genotype: Genotype) -> list[tuple[str, str]]:
    """One row per node: ("normal cell", "2 = sep_conv_3x3(0) + skip_connect(1)"), the kind in the first of its rows; a
    node that nothing reaches says so."""
    rows = []
    for kind, cell in genotype.cells:
        valued = {state for state, _ in cell.reached}
        for number, node in enumerate(cell.nodes, start=cell.inputs):
            terms = " + ".join(f"{operation}({source})" for operation, source in node)
            node_text = f"{number} = {terms or 'no edge'}" + ("" if number in valued else ", left out")
            rows.append((_title(kind) if number == cell.inputs else "", node_text))
    return rows


def _title(kind: str) -> str:
    return kind if kind == "cell" else f"{kind} cell"


NARROWEST = 30
"""Of a wrapped column."""


def columns(rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Left-aligned columns; the last one is as long as it is, or wrapped so that lines have at most `width`."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        left = max(NARROWEST, width - sum(w + 2 for w in widths[:-1]))
        blank = [""] * (len(widths) - 1)
        rows = [
            [*(row[:-1] if first else blank), piece]
            for row in rows
            for first, piece in _marked(textwrap.wrap(row[-1], left, break_on_hyphens=False) or [""])
        ]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _marked(pieces: Sequence[str]) -> list[tuple[bool, str]]:
    """Each with whether it is the first."""
    return [(number == 0, piece) for number, piece in enumerate(pieces)]
