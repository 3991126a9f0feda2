"""Figures and figures of merit of what `harness analyse` left in run folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.core.shapes import ANALYSES, BEGUN
from harness.core.untrusted import check, loads, reason
from reports.records import DAMAGES, Records
from reports.statistics.sheets import Sheet

PANELS = {"fixed": "weights fixed", "unrolled": "one unrolled step", "fine-tuned": "fine-tuned"}


def read(records: Records, kind: str, warn: Callable[[str], None] = lambda message: None) -> dict[str, dict[str, Any]]:
    """The finished analyses of a kind by run. A damaged file is warned of and left out."""
    found = {}
    for run, folder in zip(records.runs.run, records.runs.folder, strict=True):
        path = Path(folder) / f"analysis-{kind}.json"
        if not path.exists():
            continue
        try:
            content = loads(path.read_bytes())
            check(content, {**BEGUN, **ANALYSES[kind]})
            if content["done"]:
                found[run] = content
        except DAMAGES as error:
            warn(f"{path} is damaged ({reason(error)}); this analysis is left out.")
    return found


def sharpness(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """For each panel of a landscape: the least loss and where it is, the loss at the centre, the mean length of the
    gradient, the mean of the Laplacian's magnitude over inner points, and the condition number."""
    x = np.asarray(found["x"]).round(12) + 0.0  # a middle of -6e-17 is 0
    for panel, rows in found["panels"].items():
        grid = np.asarray(rows, dtype=float)
        row, column = np.unravel_index(np.argmin(grid), grid.shape)
        slopes = np.gradient(grid, x, x)
        curvature = 0.0
        if len(x) > 2:
            step = x[1] - x[0]
            inner = grid[1:-1, :-2] + grid[1:-1, 2:] + grid[:-2, 1:-1] + grid[2:, 1:-1] - 4 * grid[1:-1, 1:-1]
            curvature = float(np.abs(inner / step**2).mean())
        yield (
            panel,
            {
                "least": float(grid[row, column]),
                "x": float(x[column]),
                "y": float(x[row]),
                "distance": float(np.hypot(x[column], x[row])),
                "centre": float(grid[len(x) // 2, len(x) // 2]),
                "slope": float(np.hypot(*slopes).mean()),
                "curvature": curvature,
                "condition": float((found.get("condition") or {}).get(panel, np.nan)),
            },
        )


def sheets(records: Records) -> list[Sheet]:
    """What the analyses say in numbers."""
    made = []
    rows: list[tuple[str, ...]] = [
        (run, PANELS[panel], *(_number(of[key]) for key in KEYS))
        for run, found in read(records, "landscape").items()
        for panel, of in sharpness(found)
    ]
    if rows:
        note = (
            "The loss on a plane of two random orthonormal directions through alpha, over all its images. Slope: "
            "mean length of the gradient; curvature: mean magnitude of the Laplacian; Q: condition number (Eq. 9)."
        )
        header = (
            "run",
            "weights",
            "least loss",
            "at x",
            "at y",
            "distance",
            "loss at alpha",
            "slope",
            "curvature",
            "Q",
        )
        made.append(Sheet("landscape", "Loss landscapes", note, header, tuple(rows), left=2))
    values: list[tuple[str, ...]] = [
        (run, str(entry["epoch"]), *(_number(entry[key]) for key in ("largest", "smallest", "dominant")))
        for run, found in read(records, "eigenvalue").items()
        for entry in found["epochs"]
    ]
    if values:
        note = "Of the Hessian of the validation loss with respect to alpha, weights fixed, train mode (R-DARTS)."
        named = ("run", "epochs done", "largest", "smallest", "dominant")
        made.append(Sheet("eigenvalue", "Eigenvalues of the Hessian", note, named, tuple(values)))
    return made


KEYS = ("least", "x", "y", "distance", "centre", "slope", "curvature", "condition")


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4g}"


def effective_samples(records: Records) -> pd.DataFrame:
    """Rows of all analyses of the effective sample size, with their run."""
    rows = [{"run": run, **row} for run, found in read(records, "ess").items() for row in found["rows"]]
    return pd.DataFrame(rows, columns=["run", "samples", "weight_mode", "ess", "esr"])
