"""Cells of a table, scored one by one in a file that is saved after each, and how well the scores rank them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis.correlations import correlations
from harness.analysis.file import save
from harness.core.errors import Interrupted
from harness.core.rng import seed_of
from harness.runs.loop import stop_signals
from harness.tables.ground_truth import GroundTruth
from methods.strategies.strategy import Code
from spaces import Space

Scored = list[dict[str, Any]]
"""Of {"cell", "accuracy", "scores"}: percent on the test images, and by name what is to rank them."""


def score_cells(
    folder: Path,
    found: dict[str, Any],
    space: Space,
    cells: Sequence[Code],
    truth: GroundTruth,
    scores: Callable[[int, Code], Mapping[str, float]],
    advance: Callable[[int, int], None],
) -> Scored:
    """Fills `found["scored"]` from where it stands. Raises Interrupted with what is done saved."""
    scored: Scored = found.setdefault("scored", [])
    with stop_signals() as stopped:
        for done in range(len(scored), len(cells)):
            if stopped:
                raise Interrupted(f"stopped after {done} of {len(cells)} cells, which are saved.")
            genotype = space.decode(cells[done])
            accuracy = truth.accuracies(genotype)[found["settings"]["accuracies"]]["test"]
            scored.append({"cell": str(genotype), "accuracy": accuracy, "scores": scores(done, cells[done])})
            save(folder, found)
            advance(done + 1, len(cells))
    return scored


def ranked(scored: Scored, resamples: int, seed: int, stream: str) -> dict[str, dict[str, list[float | None]]]:
    """By the name of a score its rank correlations with the accuracies, each [value, low, high]."""
    accuracies = np.array([cell["accuracy"] for cell in scored])
    return {
        name: correlations(
            np.array([cell["scores"][name] for cell in scored]), accuracies, resamples, seed_of(seed, stream)
        )
        for name in scored[0]["scores"]
    }
