"""What a figure is: drawn for print, and the same bytes for the same records."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure

matplotlib.rcParams["svg.hashsalt"] = "harness"  # the same records give the same bytes
STYLE: Any = {  # no text below 7 points, at the width of a page
    "figure.dpi": 100,
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
METADATA: Any = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
"""Without what would make two files of one figure differ."""
CAPTION = {"svg": "Description", "pdf": "Subject", "png": "Description"}
"""What a form calls the words that go with a figure."""


@dataclass(frozen=True)
class Plot:
    """A figure with what it is called and what it shows."""

    name: str
    title: str
    caption: str
    figure: Figure

    def bytes(self, form: str) -> bytes:
        """As svg, png or pdf, with its caption in the metadata; the same figure gives the same bytes."""
        buffer = io.BytesIO()
        metadata = {**METADATA[form], "Title": self.title, CAPTION[form]: self.caption}
        with matplotlib.rc_context(STYLE):
            self.figure.savefig(buffer, format=form, dpi=200, metadata=metadata)
        return buffer.getvalue()
