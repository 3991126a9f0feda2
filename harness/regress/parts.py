"""Which methods are run, on what, and how: the parts of a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERSION = 2
"""Of the parts below; a baseline of another version is not compared with."""


@dataclass(frozen=True)
class Part:
    """Methods that are run alike."""

    name: str
    space: str
    dataset: str
    methods: tuple[str, ...]
    settings: Mapping[str, Any]
    """For those methods that have them."""
    epochs: int | None
    seeds: int
    """In a check."""
    baseline_seeds: int

    def to_json(self) -> dict[str, Any]:
        """What a baseline must have been made with."""
        shown = ("space", "dataset", "settings", "epochs")
        return {"version": VERSION, **{name: getattr(self, name) for name in shown}}


RULES = Part(
    "table, rules",
    "nasbench201-table",
    "cifar10",
    ("darts-1st", "zarts-rs", "zarts-mgs", "zarts-gld"),
    # Far fewer updates than by default; with this sigma and tau the losses weigh as much as the density of MGS.
    {"updates": 25, "alpha_lr": 3e-3, "smallest_radius": 0.004, "sigma": 0.1, "tau": 1e-3},
    epochs=10,
    seeds=20,
    baseline_seeds=40,
)
STRATEGIES = Part(
    "table, black box",
    "nasbench201-table",
    "cifar10",
    ("random-search", "rea", "reinforce", "hyperband", "bohb"),
    {},
    epochs=None,
    seeds=20,
    baseline_seeds=40,
)
SUPERNET = Part(
    "supernet",
    "nasbench201",
    "digits",
    ("darts-1st", "zarts-mgs", "zarts-gld", "p-zarts", "gdas", "pc-darts", "darts-minus", "spos"),
    {
        "images": 256,
        "batch": 32,
        "valid_batch": 128,
        "finetune_batch": 32,
        "channels": 4,
        "cells": 1,
        "lr": 0.1,
        "warmup": 0,
        "cadence": 4,
        "samples": 2,
        "finetune_steps": 5,
        "smallest_radius": 0.06,
        "population": 10,
        "parents": 4,
        "mutants": 5,
        "crossovers": 5,
        "ranked": 20,
        "ranking_batches": 1,
        "ranking_batch": 64,
        "recalibration_batches": 1,
        "recalibration_batch": 64,
    },
    epochs=2,
    seeds=6,
    baseline_seeds=24,
)
MERGED = Part(
    "supernet, merged",
    "darts",
    "digits",
    ("mergezarts",),
    {
        "images": 64,
        "batch": 8,
        "valid_batch": 16,
        "finetune_batch": 8,
        "channels": 2,
        "cells": 3,
        "lr": 0.1,
        "warmup": 0,
        "cadence": 2,
        "samples": 2,
        "finetune_steps": 3,
    },
    epochs=1,
    seeds=6,
    baseline_seeds=24,
)
PARTS = {"table": (RULES, STRATEGIES), "supernet": (SUPERNET, MERGED)}
