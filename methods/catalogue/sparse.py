"""Methods whose supernet runs few operations: sparse codes."""

from __future__ import annotations

from collections.abc import Mapping

from methods.composition import Composition

_BENCHMARK = {"batch": 64, "valid_batch": 64, "alpha_lr": 3e-4}
"""Choice: as the benchmark's methods, on batches of 64 and with their learning rates; ISTA-NAS reports none there."""

METHODS: Mapping[str, Composition] = {
    "ista-nas": Composition(
        "two operations a node, a sparse code recovered every epoch; gradient of the loss",
        "ISTA-NAS (Yang et al., NeurIPS 2020); iboing/ISTA-NAS main_search.sh, ista_nas/trainer.py",
        rule="adam",
        lookahead="first-order",
        relaxation="sparse-code",
        edge="sparse",
        derivation="best-pairs",
        settings={"batch": 256, "valid_batch": 256, "lr": 0.1, "alpha_lr": 6e-4},
        on={"nasbench201": {**_BENCHMARK, "lr": 0.025}},
    ),
    # Choices: without the cutout and the auxiliary head that the code has in its search, too, and with the supernet's
    # own batch norms: there they follow skips, and are affine once a node is frozen. The retraining is an evaluation.
    "ista-nas-single": Composition(
        "ista-nas at the size of the final network, on one set of images, until all nodes are frozen",
        "ISTA-NAS (Yang et al., NeurIPS 2020), one-stage; iboing/ISTA-NAS main_search_onestage.sh, "
        "ista_nas_single/trainer.py, tools/train_search_single.py",
        rule="adam",
        lookahead="first-order",
        relaxation="sparse-code-frozen",
        edge="sparse",
        schedule="single-level",
        stopping="all-frozen",
        derivation="best-pairs",
        # The learning rate stays until the cell is found; 600 epochs are the most, about 120 are reported (from memory,
        # unchecked).
        settings={
            "epochs": 600,
            "batch": 96,
            "valid_batch": 96,
            "lr_min": 0.025,
            "channels": 36,
            "cells": 20,
        },
        on={"nasbench201": {**_BENCHMARK, "channels": 16, "cells": 5}},
    ),
}
