"""The extreme eigenvalues of the Hessian of the validation loss with respect to alpha (R-DARTS, analyze.py:110-192).

As there: weights fixed, train mode, batches of the validation half; the largest eigenvalue is the one that R-DARTS
watches. There the full Hessian is formed; here Lanczos iteration takes Hessian-vector products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from harness.analysis.file import begin, save
from harness.analysis.subject import Subject
from harness.rng import generator
from harness.settings import setting
from methods.rules.rule import normal

TOLERANCE = 1e-4
"""Relative; batch norm in float32 gives no more."""


@dataclass(frozen=True)
class Eigenvalue:
    """On what the Hessian is taken."""

    batches: int = setting(1, "R-DARTS: one batch of the validation half", minimum=1)
    decay: float = setting(
        0.0, "R-DARTS adds alpha's weight decay, 1e-3, to the diagonal (choice: not here)", minimum=0
    )


def product(subject: Subject, vector: Tensor, settings: Eigenvalue) -> Tensor:
    """The Hessian at the run's alpha times a vector (d,), mean over the batches. The supernet is left as it was."""
    model = subject.search.scratch
    total = settings.decay * vector
    for number in range(settings.batches):
        model.copy_from(subject.search.model)
        model.module.train()
        images, labels = subject.valid_batch(number)
        alpha = subject.alpha.detach().clone().requires_grad_()
        name = f"hessian-{number}"
        loss = F.cross_entropy(model(images, subject.gates(alpha, name), subject.noise(name)), labels)
        (gradient,) = torch.autograd.grad(loss, alpha, create_graph=True)
        (along,) = torch.autograd.grad(gradient, alpha, vector)
        total = total + along / settings.batches
    return total


def extremes(apply: Callable[[Tensor], Tensor], start: Tensor) -> tuple[float, float]:
    """The smallest and the largest eigenvalue of a symmetric operator on (d,), d > 2, by Lanczos iteration."""

    def multiply(vector: np.ndarray) -> np.ndarray:
        return apply(torch.from_numpy(np.ascontiguousarray(vector.reshape(-1))).to(start)).double().cpu().numpy()

    size = start.numel()
    operator = LinearOperator((size, size), matvec=multiply, dtype=np.float64)
    first = start.double().cpu().numpy()

    def extreme(end: str) -> float:
        return float(eigsh(operator, 1, which=end, v0=first, tol=TOLERANCE, return_eigenvectors=False)[0])

    return extreme("SA"), extreme("LA")


def analyse(
    subject: Subject, settings: Eigenvalue, advance: Callable[[int, int], None] = lambda done, of: None
) -> dict[str, Any]:
    """Adds the eigenvalues at the run's epoch to analysis-eigenvalue.json, if they are not there, and returns it.

    "epochs" has one entry per epoch that was analysed: {"epoch", "largest", "smallest", "dominant"}; stop a search and
    go on with it to analyse several.
    """
    found = begin(subject.folder, "eigenvalue", asdict(settings))
    known = found.setdefault("epochs", [])
    if all(entry["epoch"] != subject.state.epoch for entry in known):
        start = normal(generator(subject.search.seed, "analysis/lanczos"), 1, subject.alpha)[0]
        smallest, largest = extremes(lambda vector: product(subject, vector, settings), start)
        dominant = max(smallest, largest, key=abs)
        entry = {"epoch": subject.state.epoch, "largest": largest, "smallest": smallest, "dominant": dominant}
        known.append(entry)
    advance(1, 1)
    found["done"] = True
    save(subject.folder, found)
    return found
