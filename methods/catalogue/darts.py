"""What others made of DARTS: stages, samples, partial channels, early endings, perturbed weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from methods.catalogue.variants import GUMBEL
from methods.catalogue.zarts import METHODS as BASE
from methods.composition import Composition

P_DARTS = Composition(
    "three stages, deeper and with fewer operations each; gradient of the loss",
    "P-DARTS (Chen et al., ICCV 2019); chenxin061/pdarts train_search.py",
    rule="adam",
    lookahead="first-order",
    edge="dropped-skips",
    schedule="staged",
    settings={
        "epochs": 75,
        "warmup": 10,
        "batch": 96,
        "valid_batch": 96,
        "lr_min": 0.0,
        "alpha_lr": 6e-4,
        "alpha_clip": 5.0,
        "cells": 5,
    },
    # 1, 3 and 5 cells in each of the three stages of the network, up to the benchmark's size (choice).
    on={"nasbench201": {"cells": 1, "cells_added": 2}},
)

PC_DARTS = Composition(
    "a quarter of the channels through the operations, a weight on every edge; gradient of the loss",
    "PC-DARTS (Xu et al., ICLR 2020); yuhuixu1993/PC-DARTS train_search.py:23-44,156, architect.py:17-18",
    rule="adam",
    lookahead="first-order",
    relaxation="edge-normalised",
    edge="partial-channels",
    settings={"batch": 256, "valid_batch": 256, "lr": 0.1, "lr_min": 0.0, "alpha_lr": 6e-4, "warmup": 15},
    # Choice: as the benchmark's methods, on batches of 64 and with their learning rate.
    on={"nasbench201": {"batch": 64, "valid_batch": 64, "lr": 0.025, "lr_min": 0.001, "alpha_lr": 3e-4}},
)
DARTS_ES = replace(
    BASE["darts-2nd"],
    summary="darts-2nd, ended early when the loss bends more and more in alpha",
    source="DARTS-ES (Zela et al., ICLR 2020); automl/RobustDARTS src/search/train_search.py:373-420",
    stopping="rising-curvature",
)
DARTS_ADA = replace(
    DARTS_ES,
    summary="darts-2nd, gone back and regularised more when the loss bends more and more in alpha",
    source="DARTS-ADA (Zela et al., ICLR 2020); automl/RobustDARTS src/search/train_search.py:175-307",
    stopping="adaptive-regularisation",
)


def _gdas() -> Composition:
    """GDAS is DARTS' first order with sampling, under settings of its own."""
    return replace(
        GUMBEL.of(BASE["darts-1st"]),
        summary="gradient of the loss of one sampled sub-network per step",
        source="GDAS (Dong & Yang, CVPR 2019); AutoDL-Projects configs/search-opts/GDAS-NASNet-CIFAR.config; "
        "AutoDL-Projects configs/nas-benchmark/algos/GDAS.config",
        derivation="best-pairs",
        settings={
            "epochs": 250,
            "batch": 256,
            "valid_batch": 256,
            "nesterov": True,
            "weight_decay": 5e-4,
            "order": "weights-first",
        },
        on={"nasbench201": {**GUMBEL.on["nasbench201"], "batch": 64, "valid_batch": 64}},
    )


def _sdarts(name: str, perturbation: str) -> Composition:
    """DARTS' first order with perturbed gates in the weight steps."""
    return replace(
        BASE["darts-1st"],
        summary=f"darts-1st, the weights trained at gates that {name}",
        source="SmoothDARTS (Chen & Hsieh, ICML 2020); SmoothDARTS sota/cnn/train_search.py:213-234",
        perturbation=perturbation,
        # SmoothDARTS nasbench201/train_search.py:38-56,120
        on={"nasbench201": {"epochs": 100, "nesterov": False, "weight_decay": 3e-4}},
    )


METHODS: Mapping[str, Composition] = {
    "p-darts": P_DARTS,
    "gdas": _gdas(),
    "darts-es": DARTS_ES,
    "darts-ada": DARTS_ADA,
    "pc-darts": PC_DARTS,
    "sdarts-rs": _sdarts("are moved at random", "uniform"),
    "sdarts-adv": _sdarts("are moved to where the loss is high", "adversarial"),
}
