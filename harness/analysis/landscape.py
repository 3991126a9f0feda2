"""The loss around a run's alpha on a plane, with weights that follow alpha or do not (paper and supplement, Fig. 1).

The plane is spanned by two random orthonormal directions. The released script's are neither orthogonal nor of unit
length (vis_loss_landscape.py:115-124, 172-178).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from harness.analysis.file import begin, save
from harness.analysis.reopened import ReopenedRun
from harness.core.errors import Interrupted
from harness.core.rng import generator
from harness.core.settings import setting
from harness.runs.loop import stop_signals
from methods.rules.rule import normal, sphere

PANELS = ("fixed", "unrolled", "fine-tuned")


@dataclass(frozen=True)
class Landscape:
    """A grid of losses, and the condition number at its centre."""

    points: int = setting(21, "101 in the paper (choice: minutes on a CPU); along each direction", minimum=2)
    extent: float = setting(1.0, "vis_loss_landscape.py:56-57: from -1 to 1", minimum=1e-6)
    steps: int = setting(10, "M; the paper, Fig. 1: fine-tuning steps of the third panel", minimum=1)
    lr: float = setting(0.001, "vis_loss_landscape.py:220-249; of the unrolled step and of fine-tuning", minimum=0)
    directions: int = setting(50, "K, paper, Eq. 9; 0 leaves the condition number out", minimum=0)
    radius: float = setting(0.01, "compute_condition_number.py:211-239; length of its directions", minimum=1e-12)


def plane(run: ReopenedRun) -> tuple[Tensor, Tensor]:
    """Two orthonormal directions (d,) for this run: Gaussians, orthogonalised (Gram-Schmidt)."""
    first, second = normal(generator(run.search.seed, "analysis/plane"), 2, run.alpha.double())
    first = first / first.norm()
    second = second - (second @ first) * first
    return first, second / second.norm()


def losses(run: ReopenedRun, alpha: Tensor, settings: Landscape) -> dict[str, float]:
    """The loss of an alpha under each panel's weights."""
    models: dict[str, Callable[[], Any]] = {
        "fixed": lambda: run.search.supernets.model,
        "unrolled": lambda: run.unrolled(alpha, settings.lr),
        "fine-tuned": lambda: run.fine_tuned(alpha, settings.steps, settings.lr),
    }
    return {panel: run.loss(models[panel](), alpha) for panel in PANELS}


def analyse(
    run: ReopenedRun, settings: Landscape, advance: Callable[[int, int], None] = lambda done, of: None
) -> dict[str, Any]:
    """Fills analysis-landscape.json row by row, and returns it. Raises Interrupted with the finished rows saved.

    It holds "x" (points,), "directions" (2, d), "centre" (d,), a grid of losses [y][x] for each panel, and "condition",
    the condition number of each panel (Eq. 9).
    """
    first, second = plane(run)
    found = begin(run.folder, "landscape", {**asdict(settings), "epoch": run.state.epoch})
    if found["done"]:
        return found
    x = torch.linspace(-settings.extent, settings.extent, settings.points, dtype=torch.float64).tolist()
    found |= {
        "x": x,
        "directions": [first.tolist(), second.tolist()],
        "centre": run.alpha.tolist(),
        "panels": found.get("panels", {panel: [] for panel in PANELS}),
    }
    rows = found["panels"]
    with stop_signals() as stopped:
        for number in range(len(rows["fixed"]), settings.points):
            if stopped:
                raise Interrupted(f"stopped after {number} of {settings.points} rows, which are saved.")
            row = [losses(run, _at(run, first, second, u, x[number]), settings) for u in x]
            for panel in PANELS:
                rows[panel].append([point[panel] for point in row])
            save(run.folder, found)
            advance(number + 1, settings.points)
    found |= {"condition": condition(run, settings) if settings.directions else None, "done": True}
    save(run.folder, found)
    return found


def _at(run: ReopenedRun, first: Tensor, second: Tensor, u: float, v: float) -> Tensor:
    return (run.alpha.double() + u * first + v * second).to(run.alpha)


def condition(run: ReopenedRun, settings: Landscape) -> dict[str, float]:
    """Q = max |L(alpha + D) - L(alpha)| |alpha| / (|D| |L(alpha)|) over K directions D (paper, Eq. 9); both losses are
    under the panel's weights."""
    draw = generator(run.search.seed, "analysis/condition")
    shifts = settings.radius * sphere(draw, settings.directions, run.alpha)
    base = losses(run, run.alpha, settings)
    found = [losses(run, run.alpha + shift, settings) for shift in shifts]
    length = float(run.alpha.norm()) / settings.radius
    return {p: max(abs(at[p] - base[p]) for at in found) * length / abs(base[p]) for p in PANELS}
