"""Methods whose gates are sampled, or do not compete, or whose loss of alpha has a term besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from methods.catalogue.darts import METHODS as DARTS_FAMILY
from methods.catalogue.variants import DIRICHLET, FAIR, HARD_CONCRETE
from methods.catalogue.zarts import METHODS as BASE
from methods.composition import Composition

SNAS = Composition(
    "gradient of the loss of a nearly discrete sample, on the weights' own batch",
    "SNAS (Xie et al., ICLR 2019); SNAS-Series SNAS/train_search.py, of whose two branches the one with Adam; without "
    "drop-path in the search (choice: its README's command has up to 0.3)",
    rule="adam",
    lookahead="first-order",
    relaxation="concrete",
    schedule="single-level",
    objective="resource",
    derivation="every-edge",
    settings={"epochs": 150, "alpha_clip": 10.0},
)
PR_DARTS = replace(
    HARD_CONCRETE.of(BASE["darts-1st"]),
    summary="two operations per edge, sampled; a long path of convolutions is rewarded",
    source="PR-DARTS (Zhou et al., NeurIPS 2020); salesforce/PR-DARTS PRDARTS_search/test_PRDARTS.py",
    settings={
        "epochs": 200,
        "batch": 250,
        "valid_batch": 250,
        "nesterov": True,
        "weight_decay": 5e-4,
        "order": "weights-first",
    },
    on={"nasbench201": {"batch": 64, "valid_batch": 64}},  # choice: as the benchmark's methods
)
DRNAS = replace(
    DIRICHLET.of(BASE["darts-1st"]),
    summary="gates drawn from a Dirichlet distribution; a second half with fewer and wider operations",
    source="DrNAS (Chen et al., ICLR 2021); xiangning-chen/DrNAS DARTS-space/train_search.py; "
    "xiangning-chen/DrNAS 201-space/train_search_progressive.py, with reg_type l2",
    edge="widened",
    schedule="two-halves",
    settings={
        "channels": 36,
        "cells": 20,
        "lr": 0.1,
        "lr_min": 0.0,
        "alpha_lr": 6e-4,
        "warmup": 10,
        "shares": 6,
        "shares_second": 4,
    },
    on={
        "nasbench201": {
            "channels": 16,
            "cells": 5,
            "epochs": 100,
            "lr": 0.025,
            "lr_min": 0.001,
            "alpha_lr": 3e-4,
            "weight_decay": 3e-4,
            "nesterov": False,
            "shares": 4,
            "shares_second": 2,
            "keep_strongest": 3,
        }
    },
)
REINMAX = replace(
    DARTS_FAMILY["gdas"],
    summary="one operation per edge, sampled, with a gradient of second order",
    source="ReinMax (Liu et al., NeurIPS 2023); GDAS' settings (choice); batches of 64 for all operations run (choice)",
    relaxation="reinmax",
    edge="sum",
    settings={**DARTS_FAMILY["gdas"].settings, "batch": 64, "valid_batch": 64},
    on={},
)
BETA_DARTS = replace(
    BASE["darts-1st"],
    summary="darts-1st, large logits cost more and more",
    source="beta-DARTS (Ye et al., CVPR 2022), from memory, unchecked",
    objective="beta-decay",
    settings={"alpha_weight_decay": 0.0},
)
FAIR_DARTS = replace(
    FAIR.of(BASE["darts-1st"]),
    summary="operations that do not compete, each pushed to be there or not",
    source="FairDARTS (Chu et al., ECCV 2020); xiaomi-automl/FairDARTS fairdarts/train_search.py:23-47",
    settings={
        "batch": 128,
        "valid_batch": 128,
        "lr": 0.005,
        "alpha_lr": 3e-3,
        "alpha_beta1": 0.9,
    },
)

FBNET = Composition(
    "gradient of a loss times latency, at soft samples; the best of some architectures that are drawn",
    "FBNet (Wu et al., CVPR 2019), from memory, unchecked, its search being unpublished; on the other spaces as there",
    rule="adam",
    lookahead="first-order",
    relaxation="concrete",
    strategy="most-probable",
    settings={
        # Of 6 that are drawn the best, by the supernet's weights and on the same images; FBNet trains each (choice).
        "ranked": 6,
        "enumerable": 1,
        "ranking_batches": 10,
        "common_batches": True,
        "epochs": 90,
        "batch": 192,
        "valid_batch": 192,
        "lr": 0.1,
        "lr_min": 0.0,
        "weight_decay": 1e-4,
        "portion": 0.8,
        "warmup": 10,
        # FBNet trains the weights on their 80 %, then alpha on its 20 %: as many steps, one after four (choice).
        "cadence": 4,
        "order": "weights-first",
        "alpha_lr": 0.01,
        "alpha_beta1": 0.9,
        "alpha_weight_decay": 5e-4,
        "temperature": 5.0,
        "temperature_decay": 0.045,
        # In microseconds (choice), so that the logarithm is above 0 for quick networks, too.
        "objective": "valid_loss * 0.2*log(1k*latency)**0.6",
    },
)

METHODS: Mapping[str, Composition] = {
    "snas": SNAS,
    "fbnet": FBNET,
    "pr-darts": PR_DARTS,
    "drnas": DRNAS,
    "reinmax": REINMAX,
    "beta-darts": BETA_DARTS,
    "fair-darts": FAIR_DARTS,
}
