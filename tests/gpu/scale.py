"""How large everything is: on a GPU, and in a rehearsal on a CPU."""

from __future__ import annotations

import os
from dataclasses import dataclass

GIVEN = "HARNESS_GPU_REHEARSAL"
"""The environment variable that is 1 for a rehearsal."""


@dataclass(frozen=True)
class Scale:
    device: str
    at_once: int
    """Checks of correctness at a time."""
    methods: tuple[str, ...]
    """That are searched with twice; none stands for all."""
    tests: tuple[str, ...]
    """What pytest is asked for."""
    memory: tuple[tuple[str, str], ...]
    """Methods and spaces whose memory is measured at the paper's size."""
    size: str
    """Of the supernets that are timed, in tests/benchmarks."""
    disabled: bool
    """Whether their images are tiny, as in those benchmarks without timing."""
    rounds: int
    """Of what is timed, at most."""
    steps: int
    """Of a search or a training from which its hours are taken."""
    settings: dict[str, object]
    """Of the searches whose hours are taken, in place of the paper's."""
    training: dict[str, object]
    """Likewise of the training."""
    searches: tuple[tuple[str, ...], ...]
    """The options of the searches that are carried out, in order."""
    seconds: dict[str, float]
    """By stage."""


ON_GPU = Scale(
    device="cuda",
    at_once=6,
    methods=(),
    tests=("tests/methods/test_graphs.py", "tests/evaluation/test_training.py", "-k", "on_a_gpu"),
    memory=(("darts-1st", "darts"), ("zarts-mgs", "darts"), ("darts-1st", "nasbench201")),
    size="paper",
    disabled=False,
    rounds=20,
    steps=200,
    settings={},
    training={},
    searches=(
        ("--method", "darts-1st", "--protocol", "paper"),
        ("--method", "zarts-mgs", "--protocol", "paper"),
    ),
    seconds={"correctness": 180.0, "speed": 240.0, "search": 360.0},
)

FEW = {"finetune_batch": 8, "finetune_steps": 1, "samples": 2, "cadence": 2}
ON_CPU = Scale(
    device="cpu",
    at_once=1,
    methods=("darts-1st", "gdas", "rea"),
    tests=("tests/methods/test_graphs.py", "-k", "nothing_is_recorded"),
    memory=(("darts-1st", "nasbench201"),),
    size="small",
    disabled=True,
    rounds=1,
    steps=2,
    settings={"channels": 2, "cells": 3, "batch": 8, "valid_batch": 8, "images": 64} | FEW,
    training={"size": "3x8", "batch": 8},
    searches=(
        ("--method", "darts-1st", "--protocol", "smoke", "--epochs", "2"),
        ("--method", "zarts-mgs", "--protocol", "smoke", "--epochs", "500"),
    ),
    seconds={"correctness": 900.0, "speed": 300.0, "search": 90.0},
)


def chosen() -> Scale:
    return ON_CPU if os.environ.get(GIVEN) == "1" else ON_GPU
