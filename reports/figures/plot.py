"""What a figure is: drawn for print, and the same bytes for the same records."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure

matplotlib.rcParams["svg.hashsalt"] = "harness"  # the same records give the same bytes
STYLE: Any = {
    "figure.dpi": 100,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
METADATA: Any = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
"""What would make two files of one figure differ."""


@dataclass(frozen=True)
class Plot:
    """A figure with what it is called and what it shows."""

    name: str
    title: str
    caption: str
    figure: Figure

    def bytes(self, form: str) -> bytes:
        """As svg, png or pdf; the same figure gives the same bytes."""
        buffer = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            tight = None if self.figure.get_layout_engine() else "tight"
            self.figure.savefig(buffer, format=form, dpi=150, bbox_inches=tight, metadata=METADATA[form])
        return buffer.getvalue()
