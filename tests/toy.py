"""The made data set by the names that the tests know it by, spaces of any shape, and small settings."""

from __future__ import annotations

from dataclasses import replace

import torch

from harness.testing.states import restored, run_to_end, same, saved, timeless
from harness.testing.toy_data import CLASSES, SIZE, ToyDataset, ToyPart
from methods import METHODS
from methods.derivations.derivation import Standing
from spaces import SPACES
from spaces.cells import Edge

__all__ = [
    "CLASSES",
    "SIZE",
    "UNLIKE",
    "WITH_NETWORKS",
    "ToyDataset",
    "ToyPart",
    "end_and_saved",
    "restored",
    "run_to_end",
    "same",
    "small_settings",
    "space_of",
    "timeless",
]

UNLIKE = [name for name in SPACES if not name.startswith("bench-") or name == "bench-single-cell-all-skip"]
"""Spaces for tests of what each of them does. Those that are left out are like another but for their size, or have the
operations of one and the skips of another."""
WITH_NETWORKS = [name for name in UNLIKE if SPACES[name].has_networks]
SMALL = {"batch": 8, "valid_batch": 8, "channels": 2, "cells": 3}
ZARTS = {"warmup": 0, "cadence": 2, "finetune_batch": 8, "finetune_steps": 2}


def space_of(widths, targets=None):
    """A space of one cell whose edges have so many operations each; each enters a node of its own, or the named one."""
    targets = targets or range(1, len(widths) + 1)
    edges = [
        Edge(0, target, tuple(f"operation{i}" for i in range(width)))
        for width, target in zip(widths, targets, strict=True)
    ]
    return replace(SPACES["nasbench201"], cells={"cell": tuple(edges)})


def end_and_saved(search, *steps):
    """The state at the end of the search, and what a checkpoint holds after so many steps."""
    state, files, step = search.start(), [], 0
    while not state.stopped_by:
        state, step = search.advance(state), step + 1
        if step in steps:
            files.append(saved(state))
    return state, files


def small_settings(method: str, space: str, **more):
    """Settings with which a search of this method on this space takes about a second."""
    settings = dict(SMALL) | (ZARTS if METHODS[method].composition.lookahead == "fine-tuned" else {})
    if method.endswith("zarts-gld"):
        settings |= {"smallest_radius": 0.05}
    if method.endswith("zarts-cma"):
        settings |= {"cma_population": 4}
    if method.startswith("pc-"):
        settings |= {"channels": 8, "warmup": 0}  # a quarter of them goes through the operations
    if space == "nasbench201":
        settings |= {"cells": 1}
    return settings | more


def standing_of(space, rows, measure=None):
    """Where a search stands that has all operations of the space; `rows` are their strengths, all gates are 1/2."""
    named = [dict(zip(edge.operations, row, strict=True)) for edge, row in zip(space.edges, rows, strict=True)]
    return Standing(
        whole=space,
        space=space,
        strengths=rows,
        choices=named,
        kept=[list(edge.operations) for edge in space.edges],
        gates=lambda: torch.full((len(rows), max(space.widths)), 0.5),
        measure=measure,
        draw=lambda: torch.Generator().manual_seed(0),
    )
