"""Where methods move on the plane of a run's landscape, from one start (paper, Fig. 1c).

The released script steps DARTS with 3e-4 and MGS with 0.5, which alone keeps DARTS near its start
(vis_optimzation.py:776-896). Here every move is scaled to the same length (choice), so that the figure compares
directions; a method that stays, stays. All start from the run's weights, and take as many weight steps after each move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from harness.analysis.file import begin, save
from harness.analysis.landscape import plane
from harness.analysis.reopened import ReopenedRun
from harness.core.errors import Interrupted
from harness.core.rng import generator
from harness.core.settings import setting
from harness.runs.loop import stop_signals
from methods.search.parts import Parts


@dataclass(frozen=True)
class Walk:
    """How far each method walks."""

    methods: str = setting("darts-2nd zarts-rs zarts-mgs zarts-gld", "paper, Fig. 1c; names with blanks between them")
    updates: int = setting(10, "vis_optimzation.py:776-896", minimum=1)
    start_x: float = setting(-0.5, "same place")
    start_y: float = setting(0.5, "same place")
    length: float = setting(
        0.1, "of every move on the plane (choice); 0: each method's own, projected on the plane", minimum=0
    )
    weight_steps: int = setting(1, "after each move; 1 for DARTS and 11 for ZARTS in the script (choice)", minimum=0)


def analyse(
    run: ReopenedRun, settings: Walk, advance: Callable[[int, int], None] = lambda done, of: None
) -> dict[str, Any]:
    """Fills analysis-path.json method by method, and returns it: "paths" by method, a list of (x, y) from the start."""
    found = begin(run.folder, "path", {**asdict(settings), "epoch": run.state.epoch})
    paths = found.setdefault("paths", {})
    names = settings.methods.split()
    chosen = {name: run.parts_of(name) for name in names}
    with stop_signals() as stopped:
        for number, name in enumerate(names):
            if stopped:
                raise Interrupted(f"stopped after {number} of {len(names)} methods, which are saved.")
            if name not in paths:
                paths[name] = walk(run, chosen[name], settings)
                save(run.folder, found)
            advance(number + 1, len(names))
    found["done"] = True
    save(run.folder, found)
    return found


def walk(run: ReopenedRun, parts: Parts, settings: Walk) -> list[tuple[float, float]]:
    """The places of one method on the plane, the start first. The run's weights are as they were on return."""
    directions = torch.stack(plane(run))
    state, model = run.state, run.search.supernets.model
    kept = [tensor.clone() for tensor in (model.weights, model.statistics, state.momentum)]
    at = torch.tensor([settings.start_x, settings.start_y], dtype=torch.float64)
    places = [(settings.start_x, settings.start_y)]
    memory = parts.rule.start(run.alpha)
    alpha = _on_plane(run, directions, at)
    for update in range(settings.updates):
        oracle = parts.lookahead.oracle(run.context(update))
        draw = generator(run.search.seed, "analysis/rule", update)
        moved = parts.rule.step(alpha, oracle, memory, run.clock, draw)
        memory = moved.memory
        at = at + _scaled((directions @ (moved.alpha - alpha).double()).cpu(), settings.length)
        places.append((float(at[0]), float(at[1])))
        alpha = _on_plane(run, directions, at)
        _train(run, alpha, update, settings.weight_steps)
    for tensor, saved in zip((model.weights, model.statistics, state.momentum), kept, strict=True):
        tensor.copy_(saved)
    return places


def _on_plane(run: ReopenedRun, directions: Tensor, at: Tensor) -> Tensor:
    """The alpha there."""
    return (run.alpha.double() + (at.to(directions) @ directions)).to(run.alpha)


def _scaled(move: Tensor, length: float) -> Tensor:
    norm = move.norm()
    return move * (length / norm) if length and norm > 0 else move


def _train(run: ReopenedRun, alpha: Tensor, update: int, steps: int) -> None:
    """Weight steps of the supernet itself at this alpha."""
    model, context = run.search.supernets.model, run.context(update)
    stream = run.batches("path", context.training.batch)
    for step in range(update * steps, (update + 1) * steps):
        gradient = context.weight_gradient(model, alpha, stream.at(step), f"path-{step}")
        context.training.step(model.weights, run.state.momentum, gradient, run.lr)
