"""Ground truths: what training every architecture of a finite space gave, looked up in place of a training.

`ground_truth` says what one is; TABLES finds them by name. `nasbench201` reads the one small file that `importing`
makes of the benchmark's own files, none of which is trusted, and `nasbench201_truth` makes a ground truth of it.
"""

from harness.core.registry import Registry
from harness.tables.ground_truth import Benchmark, Importable

TABLES: Registry[Benchmark] = Registry(
    "tables",
    "table",
    {"nasbench201": "harness.tables.nasbench201_truth:NasBench201Benchmark"},
    interface="harness.tables.ground_truth:Benchmark",
)
"""The tables by name."""
COST_TABLES: Registry[Importable] = Registry(
    "cost_tables",
    "table",
    {"hw-nas-bench": "harness.tables.hardware_benchmark:HardwareBenchmark"},
    interface="harness.tables.ground_truth:Importable",
)
"""Those that say what architectures cost, and nothing else."""
