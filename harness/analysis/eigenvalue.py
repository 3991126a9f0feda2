"""The extreme eigenvalues of the Hessian of the validation loss with respect to alpha (R-DARTS, analyze.py:110-192).

As there: weights fixed, train mode, batches of the validation half; the largest eigenvalue is the one that R-DARTS
watches. There the full Hessian is formed; here Lanczos iteration takes Hessian-vector products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from harness.analysis.file import begin, save
from harness.analysis.reopened import ReopenedRun
from harness.core.rng import generator
from harness.core.settings import setting
from methods.rules.rule import normal
from methods.search.curvature import extreme, hessian_product


@dataclass(frozen=True)
class Eigenvalue:
    """On what the Hessian is taken."""

    batches: int = setting(1, "R-DARTS: one batch of the validation half", minimum=1)
    decay: float = setting(
        0.0, "R-DARTS adds alpha's weight decay, 1e-3, to the diagonal (choice: not here)", minimum=0
    )


def product(run: ReopenedRun, vector: Tensor, settings: Eigenvalue) -> Tensor:
    """The Hessian at the run's alpha times a vector (d,), mean over the batches. The supernet is left as it was."""
    model = run.search.supernets.scratch

    def loss(alpha: Tensor, number: int) -> Tensor:
        model.copy_from(run.search.supernets.model)
        model.module.train()
        images, labels = run.valid_batch(number)
        name = f"hessian-{number}"
        return F.cross_entropy(model(images, run.gates(alpha, name), run.noise(name)), labels)

    total = settings.decay * vector
    for number in range(settings.batches):
        total = total + hessian_product(partial(loss, number=number), run.alpha, vector) / settings.batches
    return total


def analyse(
    run: ReopenedRun, settings: Eigenvalue, advance: Callable[[int, int], None] = lambda done, of: None
) -> dict[str, Any]:
    """Adds the eigenvalues at the run's epoch to analysis-eigenvalue.json, if they are not there, and returns it.

    "epochs" has one entry per epoch that was analysed: {"epoch", "largest", "smallest", "dominant"}; stop a search and
    go on with it to analyse several.
    """
    found = begin(run.folder, "eigenvalue", asdict(settings))
    known = found.setdefault("epochs", [])
    if all(entry["epoch"] != run.state.epoch for entry in known):
        start = normal(generator(run.search.seed, "analysis/lanczos"), 1, run.alpha)[0]
        smallest, largest = (
            extreme(lambda vector: product(run, vector, settings), start, end) for end in (False, True)
        )
        dominant = max(smallest, largest, key=abs)
        entry = {"epoch": run.state.epoch, "largest": largest, "smallest": smallest, "dominant": dominant}
        known.append(entry)
    advance(1, 1)
    found["done"] = True
    save(run.folder, found)
    return found
