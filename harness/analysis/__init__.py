"""What can be computed of a run beyond its records: the loss around its alpha, paths of methods on it, the curvature,
effective sample sizes, and how its supernet ranks a table's cells; and of no run, how zero-cost proxies do. Each leaves
one file, analysis-<kind>.json, in the run folder or the one named, and resumes from it.

Importing this package needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

KINDS = {
    "landscape": "the loss on a plane through alpha: weights fixed, unrolled, fine-tuned; and its condition number",
    "path": "where methods move on that plane, from one start",
    "eigenvalue": "the largest and the smallest eigenvalue of the Hessian with respect to alpha",
    "ess": "MGS's effective sample size at alpha, by the number of samples and the way to weigh them",
    "ranking": "how a supernet ranks NAS-Bench-201's cells: correlations with the table's test accuracies by BN mode",
    "zero-cost": "how zero-cost proxies rank NAS-Bench-201's cells: correlations with the table's test accuracies",
}
"""The analyses: what each computes."""
OF_NO_RUN = "zero-cost"
"""That which is given any folder, to keep its file."""
TABLES_OF = ("ranking", "zero-cost")
"""Those that can be said in a few lines: their modules have a `table`."""
OF_ALPHA = ("landscape", "path", "eigenvalue", "ess")
"""Those of a run whose method has an alpha."""
_SETTINGS = {
    "landscape": "Landscape",
    "path": "Walk",
    "eigenvalue": "Eigenvalue",
    "ess": "ESS",
    "ranking": "Ranking",
    OF_NO_RUN: "ZeroCost",
}


@dataclass(frozen=True)
class Asked:
    """What a user asked for."""

    kind: str
    folder: Path
    assignments: tuple[str, ...] = ()
    """`name=value` each."""
    device: str = "auto"
    data_root: Path | None = None
    dataset: str | None = None


def analyse(
    asked: Asked,
    warn: Callable[[str], None] = lambda message: None,
    advance: Callable[[int, int], None] = lambda done, of: None,
) -> Mapping[str, Any]:
    """The analysis, made or resumed. `advance` is told how much of it is done. Raises Interrupted with what is done
    saved, and HarnessError for a folder or a setting that will not do."""
    from harness.core.errors import HarnessError
    from harness.core.files import make_folder
    from harness.core.settings import override, parse_assignments
    from harness.runs.folder import locked
    from harness.runs.machine import memory_reported

    module = _module(asked.kind)
    default = getattr(module, _SETTINGS[asked.kind])()
    settings = override({asked.kind: default}, parse_assignments(asked.assignments))[asked.kind]
    if asked.kind == OF_NO_RUN:
        make_folder(asked.folder)
        with locked(asked.folder, wait=False), memory_reported(asked.device):
            return module.analyse(
                asked.folder, settings, asked.dataset or "cifar10", asked.device, asked.data_root, advance
            )
    from harness.analysis.reopened import ReopenedRun

    ReopenedRun.check(asked.folder)
    with locked(asked.folder, wait=False), memory_reported(asked.device):
        run = ReopenedRun(asked.folder, asked.device, asked.data_root, asked.dataset, warn)
        if asked.kind in OF_ALPHA and not run.parts.schedule.has_alpha:
            raise HarnessError(f"{run.spec['method']} has no alpha, and harness analyse {asked.kind} is about one.")
        return module.analyse(run, settings, advance)


def table(kind: str, found: Mapping[str, Any]) -> str:
    """An analysis of one of the kinds in `TABLES_OF` in words and columns."""
    text: str = _module(kind).table(found)
    return text


def _module(kind: str) -> Any:
    return import_module(f"harness.analysis.{kind.replace('-', '_')}")
