"""How well a run's supernet ranks NAS-Bench-201's cells: correlations of their accuracies with the shared weights with
those of the table, by where batch norm has its statistics from (`methods.rankings.shared_weights`).

Whatever method has trained the supernet, and however that ranks, the conditions here are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.analysis.correlations import sample, shown
from harness.analysis.file import begin, save
from harness.analysis.reopened import ReopenedRun
from harness.analysis.scored import ranked, score_cells
from harness.core.errors import HarnessError
from harness.core.settings import setting
from harness.core.text import columns
from harness.core.types import Cost
from harness.tables import TABLES
from harness.tables.ground_truth import opened
from methods.rankings.shared_weights import MODES, SharedWeights
from methods.search.selecting import trained
from methods.strategies.strategy import Code
from spaces.paths import path_gates
from spaces.relations import table_of


@dataclass(frozen=True)
class Ranking:
    """What is scored, on how much."""

    cells: int = setting(200, "choice; different ones, drawn uniformly", minimum=3)
    seed: int = setting(0, "of the cells and the bootstrap", minimum=0)
    ranking_batches: int = setting(1, "AutoDL-Projects RANDOM-NAS.py; the same for all cells (choice)", minimum=1)
    ranking_batch: int = setting(512, "AutoDL-Projects RANDOM.config; of alpha's images", minimum=2)
    recalibration_batches: int = setting(20, "SPOS Search/tester.py: 200 (choice: seconds on a CPU)", minimum=1)
    recalibration_batch: int = setting(128, "SPOS Search/tester.py", minimum=2)
    resamples: int = setting(1000, "choice; of the bootstrap", minimum=10)


def analyse(
    run: ReopenedRun, settings: Ranking, advance: Callable[[int, int], None] = lambda done, of: None
) -> dict[str, Any]:
    """Fills analysis-ranking.json cell by cell, and returns it: "scored" of {"cell", "accuracy", "scores"}, the scores
    in percent by BN mode, and at the end "rows" of {"batch_norm", "kendall", "spearman"}, each [value, low, high].

    The accuracies are the table's, in percent, on the test images of the run's data, or of CIFAR-10 where the table
    does not have these. Raises Interrupted with what is done saved; HarnessError for a run on a space without a table,
    or one whose supernet has lost operations.
    """
    space = run.search.space
    if not table_of(space):
        raise HarnessError(f"no table knows the cells of {space.name}; analyse a run on nasbench201.")
    if run.supernets.reduced.widths != space.widths:
        raise HarnessError(f"the supernet of {run.folder} has lost operations, and cannot rank all cells.")
    truth = opened(TABLES[table_of(space)])
    judged = run.spec["dataset"] if run.spec["dataset"] in truth.datasets else "cifar10"
    found = begin(run.folder, "ranking", {**asdict(settings), "epoch": run.state.epoch, "accuracies": judged})
    cells = sample(space, settings.cells, settings.seed, "analysis/ranking")
    scored = score_cells(
        run.folder, found, space, cells, truth, lambda number, code: scores(run, code, settings), advance
    )
    of = ranked(scored, settings.resamples, settings.seed, "analysis/ranking/bootstrap")
    found["rows"] = [{"batch_norm": mode, **of[mode]} for mode in MODES]
    found["done"] = True
    save(run.folder, found)
    return found


def scores(run: ReopenedRun, code: Code, settings: Ranking) -> dict[str, float]:
    """Of one cell, by BN mode."""
    gates = path_gates(run.search.space, code).to(run.device)
    gates = run.parts.edge.all_gates(gates, run.clock.epoch, run.clock.epochs)
    found = {}
    for mode in MODES:
        ranking = SharedWeights(
            batch_norm=mode,
            common_batches=True,
            ranking_batches=settings.ranking_batches,
            ranking_batch=settings.ranking_batch,
            recalibration_batches=settings.recalibration_batches,
            recalibration_batch=settings.recalibration_batch,
        )
        with run.parts.arithmetic.factors():
            found[mode] = ranking.score(trained(run.supernets, run.search.images, Cost()), gates, 0, 0)
    return found


def table(found: Mapping[str, Any]) -> str:
    """The correlations in words and columns."""
    settings = found["settings"]
    said = (
        f"{settings['cells']} cells of NAS-Bench-201, test accuracy on {settings['accuracies']} after 200 epochs, and "
        f"accuracy with the supernet's weights of epoch {settings['epoch']} on {settings['ranking_batches']} x "
        f"{settings['ranking_batch']} of alpha's images; 95 % bootstrap intervals"
    )
    columned = [("batch norm", "Kendall tau", "Spearman rho")]
    columned += [(row["batch_norm"], shown(row["kendall"]), shown(row["spearman"])) for row in found["rows"]]
    return "\n".join([said, *columns(columned)])
