"""What every family of searches writes into its records."""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.core.genotype import PARAMETERLESS, Genotype


def finite(value: float) -> float | None:
    """JSON has no word for what is not a finite number; a diverged candidate or validation must not end a search."""
    return value if math.isfinite(value) else None


def operation_counts(genotype: Genotype) -> Mapping[str, Mapping[str, int]]:
    """Per kind of cell: skips, and operations without parameters (pools and skips), among the chosen ones."""
    return {
        kind: {
            "skip": cell.count("skip_connect"),
            "parameterless": cell.count(*PARAMETERLESS),
            "none": cell.count("none"),
        }
        for kind, cell in genotype.cells
    }
