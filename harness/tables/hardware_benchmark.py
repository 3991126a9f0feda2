"""HW-NAS-Bench as a table that is imported and checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.tables.ground_truth import Advance
from harness.tables.hardware import TITLE, hardware_path, open_hardware
from harness.tables.importing_hardware import import_hardware, size
from harness.tables.nasbench201 import Column, Table


class HardwareBenchmark:
    """The table that the user has imported."""

    title = TITLE
    summary = "latency and energy of NAS-Bench-201's cells on six devices; names of costs in an objective"

    def size(self, source: Path) -> int:
        return size(source)

    def import_from(self, source: Path, advance: Advance) -> None:
        import_hardware(source, advance=advance)

    def check(self) -> str:
        return summary(open_hardware(), hardware_path())


def summary(table: Table, path: Path) -> str:
    """What the table holds and where it comes from, in lines."""
    origin = table.provenance
    return "\n".join(
        (
            f"{TITLE}: {len(table.cells):,} cells in {path} ({path.stat().st_size / 1e6:.1f} MB, checksum: ok)",
            f"made from {origin['source']} ({origin['form']}, SHA-256 {origin['sha256'][:16]}...)",
            *(_line(name, values) for name, values in table.columns.items()),
        )
    )


def _line(name: str, values: Column) -> str:
    known = values[~np.isnan(values)]
    unit = "mJ" if "energy" in name else "ms"
    missing = f", {len(values) - len(known):,} cells missing" if len(known) < len(values) else ""
    return f"{name}: {known.min():.4g} to {known.max():.4g} {unit}{missing}"
