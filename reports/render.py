"""Tables as Markdown, CSV and LaTeX. HTML is a page of its own: see `reports.page`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from reports.statistics.sheets import Sheet
from reports.tables.cells import RULE, Cell, Table

LEGEND = "Each cell: published / measured (statistic; verdict). '–': no run."


def markdown(table: Table) -> str:
    """A heading, the table with its columns aligned, and the notes."""
    header = [heading or " " for heading in table.headings] + [table.heading(column) for column in table.columns]
    rows = [[*row.labels, *(_markdown_cell(row.cells.get(column)) for column in table.columns)] for row in table.rows]
    lines = [f"## {table.title}", "", f"Published: {table.source}. Measured: {table.measured_under}. {LEGEND}", ""]
    lines += markdown_table(header, rows, left=len(table.headings))
    lines += ["", *(f"- {note}" for note in (*table.notes, *table.reasons(), RULE))]
    return "\n".join(lines) + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """A pipe table whose columns are aligned in plain text, too: the first `left` to the left, the others right."""
    cells = [[re.sub(r"[|\n]", " ", cell) for cell in row] for row in (header, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    aligned = [
        [f"{cell:<{w}}" if i < left else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        for row in (cells[0], rule, *cells[1:])
    ]
    return [f"| {' | '.join(row)} |" for row in aligned]


def sheet_markdown(sheet: Sheet) -> str:
    return (
        "\n".join([f"## {sheet.title}", "", sheet.note, "", *markdown_table(sheet.header, sheet.rows, sheet.left)])
        + "\n"
    )


def _markdown_cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    published = _mark(str(cell.published), cell.published.mark, ("**<u>", "</u>**"), ("**", "**"))
    if cell.measured is None:
        return f"{published} / –"
    measured = _mark(cell.measured_text(), cell.measured.mark, ("**<u>", "</u>**"), ("**", "**"))
    return f"{published} / {measured} ({cell.measured_with()}; {cell.verdict})"


def _mark(text: str, mark: int, best: tuple[str, str], second: tuple[str, str]) -> str:
    before, after = {1: best, 2: second}.get(mark, ("", ""))
    return f"{before}{text}{after}"


def tidy(tables: Sequence[Table]) -> pd.DataFrame:
    """One row per cell, with everything that is known about it."""
    rows = []
    for table in tables:
        for row, column, cell in table.cells():
            found = cell.measured
            rows.append(
                {
                    "table": table.name,
                    "row": " / ".join(row.labels),
                    "column": table.heading(column),
                    "published": cell.published.text,
                    "published_std": cell.published.std,
                    "published_statistic": str(cell.published.statistic),
                    "published_mark": cell.published.mark or "",
                    "published_note": cell.published.note,
                    "measured": found.value if found else None,
                    "measured_std_population": found.spread if found else None,
                    "measured_n": found.n if found else 0,
                    "measured_statistic": str(found.statistic) if found else "",
                    "measured_mark": found.mark or "" if found else "",
                    "measured_under": table.measured_under if found else "",
                    "size": (found.size or "") if found else "",
                    "device": found.device if found else "",
                    "unit": found.unit if found else "",
                    "runs": " ".join(found.runs) if found else "",
                    "verdict": cell.verdict,
                    "reason": cell.reason,
                    "source": table.source,
                }
            )
    return pd.DataFrame(rows)


def csv(tables: Sequence[Table]) -> str:
    return tidy(tables).to_csv(index=False, lineterminator="\n")


def latex(tables: Sequence[Table], sheets: Sequence[Sheet] = ()) -> str:
    """A document of booktabs tables; each `table` environment stands alone where booktabs and graphicx are loaded."""
    preamble = [
        r"\documentclass{article}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[landscape,margin=1cm]{geometry}",
        r"\usepackage{booktabs,graphicx}",
        r"\begin{document}",
    ]
    return "\n".join([*preamble, *map(_latex_table, tables), *map(_latex_sheet, sheets), r"\end{document}"]) + "\n"


def _latex_table(table: Table) -> str:
    header = [*map(_tex, table.headings), *(_tex(table.heading(column)) for column in table.columns)]
    rows = [
        " & ".join([*map(_tex, row.labels), *(_latex_cell(row.cells.get(column)) for column in table.columns)])
        for row in table.rows
    ]
    body = []
    for before, row, text in zip((None, *table.rows), table.rows, rows, strict=False):
        if len(row.labels) > 1 and before is not None and before.labels[0] != row.labels[0]:
            body.append(r"\midrule")
        body.append(rf"{text} \\")
    return _latex_float(
        f"{table.title}. Published: {table.source}. Measured: {table.measured_under}.",
        "l" * len(table.headings) + "r" * len(table.columns),
        header,
        body,
        [LEGEND, *table.notes, *table.reasons(), RULE],
    )


def _latex_sheet(sheet: Sheet) -> str:
    columns = "l" * sheet.left + "r" * (len(sheet.header) - sheet.left)
    body = [rf"{' & '.join(map(_tex, row))} \\" for row in sheet.rows]
    return _latex_float(f"{sheet.title}.", columns, list(map(_tex, sheet.header)), body, [sheet.note])


def _latex_float(caption: str, columns: str, header: list[str], body: list[str], notes: list[str]) -> str:
    return "\n".join(
        [
            r"\begin{table}[p]",
            rf"\caption{{{_tex(caption)}}}",
            r"\centering",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            rf"{' & '.join(header)} \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\par\smallskip\begin{minipage}{\linewidth}\footnotesize",
            *(rf"{_tex(note)}\par" for note in notes),
            r"\end{minipage}",
            r"\end{table}",
        ]
    )


def _latex_cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    best, second = (r"\underline{\textbf{", "}}"), (r"\textbf{", "}")
    published = _mark(_tex(str(cell.published)), cell.published.mark, best, second)
    if cell.measured is None:
        return f"{published} / --"
    measured = _mark(_tex(cell.measured_text()), cell.measured.mark, best, second)
    return rf"{published} / {measured} {{\scriptsize ({_tex(cell.measured_with())}; {cell.verdict})}}"


SYMBOLS = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "–": "--",
    "·": r"$\cdot$",
    "<": r"$<$",
    ">": r"$>$",
}


def _tex(text: str) -> str:
    return "".join(SYMBOLS.get(character, character) for character in text)
