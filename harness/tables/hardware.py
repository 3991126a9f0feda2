"""HW-NAS-Bench's table: what each of NAS-Bench-201's 15,625 cells costs on six devices.

Source: Li et al., HW-NAS-Bench (ICLR 2021), and its file. Latencies are in ms and energies in mJ, measured or estimated
for the whole network of a cell on one image of a data set. `harness data import hw-nas-bench FILE` makes the one small
file that `open_hardware` reads; its columns are `<cost>/<data set>`. The Edge TPU could not run 4,699 cells, for which
the official file has -1; they are missing here, and an objective cannot be made of what is missing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import HarnessError
from harness.tables.nasbench201 import Table, default_path, read_table

COSTS = (
    *("edgegpu_latency", "edgegpu_energy", "raspi4_latency", "edgetpu_latency", "pixel3_latency"),
    *("eyeriss_latency", "eyeriss_energy", "fpga_latency", "fpga_energy"),
)
"""By the official names."""
INTENSITY = "eyeriss_arithmetic_intensity"
"""In the file too, and no cost."""
DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
"""By this project's names, the official ones."""
TITLE = "HW-NAS-Bench"
HINT = "make it with `harness data import hw-nas-bench FILE`"


def hardware_path() -> Path:
    """Where the table is kept: beside NAS-Bench-201's."""
    return default_path().with_name("hw-nas-bench.parquet")


def open_hardware(path: Path | None = None) -> Table:
    """The table in this file, or in the user's cache. Raises HarnessError where there is none, or it is damaged."""
    return read_table(path or hardware_path(), TITLE, HINT)


def cost_grid(table: Table, name: str, dataset: str) -> NDArray[np.float64]:
    """A cost of all cells, (5, 5, 5, 5, 5, 5) as `Table.grid`. Raises HarnessError where it is not known of all."""
    if dataset not in DATASETS:
        raise HarnessError(f"{TITLE} has no {name} on {dataset}; it has {', '.join(DATASETS)}.")
    column = f"{name}/{dataset}"
    if column not in table.columns:
        raise HarnessError(f"the {TITLE} table has no {column}: the imported file lacked it.")
    values = table.columns[column]
    missing = int(np.isnan(values).sum())
    if missing:
        raise HarnessError(
            f"{TITLE} has no {name} of {missing:,} cells on {dataset}, which the device could not run; take another."
        )
    return table.grid(values)
