"""The files of a report: Markdown, CSV, LaTeX or a page, with the figures beside the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from reports import leaderboard, render
from reports.contents import Contents, folds

if TYPE_CHECKING:
    from reports.figures.plot import Plot

FORMS = ("svg", "pdf", "png")
"""What a figure is drawn as beside a text."""
CAPTIONS = "figures/captions.md"
NOTHING = (
    "Nothing of the paper's tables: `harness report all` shows what they have, `harness suite run table2` and others "
    "measure them."
)


def files(contents: Contents, form: str, name: str, page: str) -> dict[str, bytes]:
    """As md, csv, tex or html. `name` is what the text is called, `page` what the page is."""
    if form == "html":
        from reports.page.page import page as page_of

        return {page: page_of(contents).encode()}
    drawn = {f"figures/{plot.name}.{suffix}": plot.bytes(suffix) for plot in contents.plots for suffix in FORMS}
    if contents.plots:
        drawn[CAPTIONS] = captions(contents.plots).encode()
    texts = csv(contents, name) if form == "csv" else {f"{name}.{form}": {"md": markdown, "tex": latex}[form](contents)}
    return {file: text.encode() for file, text in texts.items() if text} | drawn


def captions(plots: Sequence[Plot]) -> str:
    """What each figure shows, with the figure."""
    return "\n".join(f"## {plot.title}\n\n![{plot.name}]({plot.name}.png)\n\n{plot.caption}\n" for plot in plots)


def markdown(contents: Contents) -> str:
    """Empty where there are figures alone."""
    parts = [render.sheet_markdown(sheet) for sheet in (*leaderboard.sheets(contents.boards), *contents.sheets)]
    parts += map(render.markdown, contents.tables)
    if contents.folded:
        lines = [f"- {line}" for line in folds(contents.folded)] if contents.tables else [NOTHING]
        parts.append("\n".join(["## Not measured yet", "", *lines, ""]))
    if contents.remarks:
        parts.append("\n".join([*contents.remarks, ""]))
    if contents.records.notes and parts:
        parts.append("\n".join(["## Left out", "", *(f"- {note}" for note in contents.records.notes), ""]))
    return "\n".join(parts)


def latex(contents: Contents) -> str:
    """Empty where there are figures alone."""
    sheets = [*leaderboard.sheets(contents.boards), *contents.sheets]
    return render.latex(contents.tables, sheets) if contents.tables or sheets else ""


def csv(contents: Contents, name: str) -> dict[str, str]:
    """The boards as one file, the tables as one, every sheet as another."""
    found = {}
    if contents.boards:
        found["leaderboard.csv"] = leaderboard.tidy(contents.boards).to_csv(index=False, lineterminator="\n")
    if contents.tables:
        found[f"{name}.csv"] = render.csv(contents.tables)
    for sheet in contents.sheets:
        frame = pd.DataFrame(sheet.rows, columns=list(sheet.header))
        found[f"statistics-{sheet.name}.csv"] = frame.to_csv(index=False, lineterminator="\n")
    return found
