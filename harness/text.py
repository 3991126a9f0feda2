"""Cells and tables as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from harness.genotype import Genotype


def cell_rows(genotype: Genotype) -> list[tuple[str, str]]:
    """One row per node: ("normal cell", "2 = sep_conv_3x3(0) + skip_connect(1)"), the kind in the first of its rows."""
    rows = []
    for kind, cell in genotype.cells:
        for number, node in enumerate(cell.nodes, start=cell.inputs):
            terms = " + ".join(f"{operation}({source})" for operation, source in node)
            rows.append((_title(kind) if number == cell.inputs else "", f"{number} = {terms}"))
    return rows


def _title(kind: str) -> str:
    return kind if kind == "cell" else f"{kind} cell"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Left-aligned columns, the last one as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
