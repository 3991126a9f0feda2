"""Ground truths: what training every architecture of a finite space gave, looked up in place of a training.

`ground_truth` says what one is; TABLES finds them by name. `nasbench201` reads the one small file that `importing`
makes of the benchmark's own files, none of which is trusted, and `nasbench201_truth` makes a ground truth of it.
`tabulated` is a ground truth of any finite space, which `tabulating` makes of a user's file, and `nats_sss` of
NATS-Bench's.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness.core.imported import imported, stamp
from harness.core.registry import Member, Registry
from harness.tables.ground_truth import Benchmark, Importable

BUILT_IN = {
    "nasbench201": "harness.tables.nasbench201_truth:NasBench201Benchmark",
    "nats-sss": "harness.tables.nats_sss:NatsSizeBenchmark",
}


def _imported() -> Mapping[str, Member]:
    """The tables that the user has imported under names of their own."""
    files = {name: path for name, path in imported().items() if name not in BUILT_IN}
    return {name: Member(f"imported, {path}", partial(_described, path), stamp(path)) for name, path in files.items()}


def _described(path: Path) -> Any:
    from harness.tables.tabulated import TabulatedBenchmark

    return TabulatedBenchmark(path)


TABLES: Registry[Benchmark] = Registry(
    "tables", "table", BUILT_IN, interface="harness.tables.ground_truth:Benchmark", found=_imported
)
"""The tables by name."""
COST_TABLES: Registry[Importable] = Registry(
    "cost_tables",
    "table",
    {"hw-nas-bench": "harness.tables.hardware_benchmark:HardwareBenchmark"},
    interface="harness.tables.ground_truth:Importable",
)
"""Those that say what architectures cost, and nothing else."""
