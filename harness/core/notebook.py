"""How results look in a notebook: a table, and the drawing of a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from importlib import import_module

from harness.core.genotype import Genotype

_drawn_by: list[str] = []


def drawn_by(place: str) -> None:
    """From now on cells are drawn by the function at "module:attribute", which makes inline SVG of a genotype. It is
    imported when the first one is shown."""
    _drawn_by[:] = [place]


def table(title: str, rows: Sequence[tuple[str, object]], genotype: Genotype | None = None) -> str:
    """HTML: the title, a row per fact, and the drawing of a genotype's cells below them."""
    left = "style='text-align: left'"
    lines = "".join(
        f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(str(value))}</td></tr>" for name, value in rows
    )
    drawing = "" if genotype is None else _draw(genotype)
    return f"<div><strong>{escape(title)}</strong><table>{lines}</table>{drawing}</div>"


def _draw(genotype: Genotype) -> str:
    if not _drawn_by:
        return ""
    module, _, attribute = _drawn_by[0].partition(":")
    draw: Callable[[Genotype], str] = getattr(import_module(module), attribute)
    return draw(genotype).replace("<svg", "<svg style='max-width: 100%; height: auto'", 1)  # as wide as the column
