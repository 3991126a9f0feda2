"""How well zero-cost proxies rank NAS-Bench-201's cells: the correlation of each with the table's test accuracies.

Source: Abdelfattah et al., Zero-cost proxies for lightweight NAS (ICLR 2021), section 4.1, who report Spearman's rho of
all cells; there the networks have their full size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from harness import data
from harness.analysis.correlations import sample, shown
from harness.analysis.file import begin, save
from harness.analysis.scored import ranked, score_cells
from harness.core.rng import generator, seed_of
from harness.core.settings import setting
from harness.core.text import columns
from harness.runs.machine import deterministic, resolve_device
from harness.tables import TABLES
from harness.tables.ground_truth import opened
from methods.blackbox.proxies import PROXIES, score
from methods.strategies.predictor import on_one_thread
from methods.strategies.strategy import Code
from methods.training.batches import Batch, Batches
from spaces import SPACES

SPACE, TABLE = SPACES["nasbench201"], "nasbench201"
Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class ZeroCost:
    """What is scored, at which size."""

    cells: int = setting(200, "choice; different ones, drawn uniformly", minimum=3)
    seed: int = setting(0, "of the cells, the initial weights and the batch", minimum=0)
    batch: int = setting(64, "Abdelfattah et al.: one batch of 64 (from memory, unchecked)", minimum=2)
    channels: int = setting(8, "16 in the benchmark (choice: seconds on a CPU)", minimum=1)
    per_stage: int = setting(1, "cells in each stage; 5 in the benchmark (choice: seconds on a CPU)", minimum=1)
    resamples: int = setting(1000, "choice; of the bootstrap", minimum=10)


def analyse(
    folder: Path,
    settings: ZeroCost,
    dataset: str = "cifar10",
    device: str = "auto",
    root: Path | None = None,
    advance: Advance = lambda done, of: None,
) -> dict[str, Any]:
    """Fills analysis-zero-cost.json in `folder` cell by cell, and returns it: "scored" of {"cell", "accuracy",
    "scores"}, and at the end "rows" of {"proxy", "kendall", "spearman"}, each [value, low, high].

    The accuracies are the table's, in percent, on the test images of `dataset`, or of CIFAR-10 where the table does not
    have it; the batch is of the first half of its training images. Raises Interrupted with what is done saved;
    HarnessError where the file was made with other settings, or table or images cannot be read.
    """
    deterministic()
    device = resolve_device(device)
    truth = opened(TABLES[TABLE])
    judged = dataset if dataset in truth.datasets else "cifar10"
    found = begin(folder, "zero-cost", {**asdict(settings), "dataset": data.short_name(dataset), "accuracies": judged})
    images = data.load(dataset, root)
    train, _ = images.to(device).halves(0.5, 0, "nasbench201")
    batch = Batches(train, settings.seed, "zero-cost", settings.batch).at(0)
    cells = sample(SPACE, settings.cells, settings.seed, "analysis/zero-cost")

    def scores(number: int, code: Code) -> dict[str, float]:
        with on_one_thread():
            return proxy_scores(code, number, batch, settings, images.classes)

    scored = score_cells(folder, found, SPACE, cells, truth, scores, advance)
    of = ranked(scored, settings.resamples, settings.seed, "analysis/zero-cost/bootstrap")
    found["rows"] = [{"proxy": name, **of[name]} for name in PROXIES]
    found["done"] = True
    save(folder, found)
    return found


def proxy_scores(code: Code, number: int, batch: Batch, settings: ZeroCost, classes: int) -> dict[str, float]:
    """Of the cell with this number, every proxy on the same initial weights."""
    return {name: _score(name, code, number, batch, settings, classes) for name in PROXIES}


def _score(name: str, code: Code, number: int, batch: Batch, settings: ZeroCost, classes: int) -> float:
    images, labels = batch
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(settings.seed, "analysis/zero-cost/weights", number))
        network = SPACE.network(SPACE.decode(code), settings.channels, settings.per_stage, classes)
    noise = generator(settings.seed, "analysis/zero-cost/noise", number, images.device)
    return score(name, network.to(images.device), images, labels, noise)


def table(found: Mapping[str, Any]) -> str:
    """The correlations in words and columns."""
    settings = found["settings"]
    said = (
        f"{settings['cells']} cells of NAS-Bench-201, test accuracy on {settings['accuracies']} after 200 epochs; "
        f"networks of {settings['channels']} channels, {settings['per_stage']} per stage, "
        f"a batch of {settings['batch']} of {settings['dataset']}; 95 % bootstrap intervals"
    )
    columned = [("proxy", "Kendall tau", "Spearman rho")]
    columned += [(row["proxy"], shown(row["kendall"]), shown(row["spearman"])) for row in found["rows"]]
    return "\n".join([said, *columns(columned)])
