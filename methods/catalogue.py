"""The methods: which parts they are made of, what they set, and where they come from. One literal entry each, and the
crosses of five of them with the variants of their parts, which are generated.

Needs no torch, so that `harness list methods` answers at once. `methods.families` turns names into parts.
"""

from __future__ import annotations

from dataclasses import replace

from harness.core.registry import Registry
from methods.composition import BlackBox, Composition, Variant

_NASBENCH201_RUNGS = {"min_epochs": 12, "max_epochs": 200}
"""AutoDL-Projects BOHB.py."""
_ZARTS = {"warmup": 10, "cadence": 10}

_METHODS: dict[str, Composition] = {
    "darts-1st": Composition(
        "gradient of the validation loss at the current weights",
        "DARTS (Liu et al., ICLR 2019), section 2.3",
        rule="adam",
        lookahead="first-order",
        on={"nasbench201": {"order": "weights-first"}},
    ),
    "darts-2nd": Composition(
        "gradient of the validation loss after one unrolled step",
        "DARTS (Liu et al., ICLR 2019), Eq. 6-8; ZARTS supplement 1.1",
        rule="adam",
        lookahead="unrolled",
    ),
    "zarts-rs": Composition(
        "random search: a gradient estimated from fine-tuned losses",
        "ZARTS (Wang et al., NeurIPS 2022), Eq. 4",
        rule="random-search",
        lookahead="fine-tuned",
        settings=_ZARTS,
        # The table's losses differ less than a supernet's; with this, steps are about as long as GLD's there, too.
        on={"nasbench201-table": {"xi": 1.0}},
    ),
    "zarts-mgs": Composition(
        "maximum-likelihood guided search: importance-weighted updates",
        "ZARTS (Wang et al., NeurIPS 2022), Eq. 5-8",
        rule="mgs",
        lookahead="fine-tuned",
        settings=_ZARTS,
    ),
    "zarts-gld": Composition(
        "gradientless descent: the best of candidates on spheres",
        "ZARTS (Wang et al., NeurIPS 2022), Eq. 10",
        rule="gld",
        lookahead="fine-tuned",
        settings=_ZARTS,
    ),
    "zarts-mgs-released": Composition(
        "zarts-mgs as the released code computes it under torch 2, without fine-tuning",
        "ZARTS cnn/train_search.py:347-403",
        rule="mgs",
        lookahead="fine-tuned",
        settings=_ZARTS | {"weight_mode": "released", "proposal": "sum", "sigma_lag": 1, "finetune": "released"},
    ),
}

_BLACK_BOX: dict[str, Composition | BlackBox] = {
    "random-search": BlackBox(
        "uniformly random cells, the best by validation accuracy",
        "NAS-Bench-201, section 4; AutoDL-Projects RANDOM.py",
        strategy="random",
    ),
    "rea": BlackBox(
        "regularised evolution: the oldest of a population dies",
        "AmoebaNet (Real et al., AAAI 2019), Algorithm 1; AutoDL-Projects R_EA.py",
        strategy="evolution",
    ),
    "reinforce": BlackBox(
        "a table of logits trained by policy gradient",
        "NAS-Bench-201, section 4; AutoDL-Projects reinforce.py",
        strategy="reinforce",
    ),
    "hyperband": BlackBox(
        "random cells, trained longer while they are among the best",
        "Hyperband (Li et al., JMLR 2018); HpBandSter optimizers/hyperband.py",
        strategy="hyperband",
        on={"nasbench201-table": _NASBENCH201_RUNGS},
    ),
    "bohb": BlackBox(
        "Hyperband with cells proposed by a density model of the good ones",
        "BOHB (Falkner et al., ICML 2018); HpBandSter optimizers/bohb.py",
        strategy="bohb",
        on={"nasbench201-table": _NASBENCH201_RUNGS},
    ),
}

GUMBEL = Variant(
    "g",
    "one operation per edge, sampled",
    "GDAS (Dong & Yang, CVPR 2019), ZARTS supplement 2.6",
    {"relaxation": "gumbel", "edge": "single-path"},
    {"nasbench201": {"unchosen_gates": "added"}},
)
MERGED = Variant(
    "merge",
    "the convolutions of an edge merged into one",
    "MergeNAS (Wang et al., IJCAI 2020), ZARTS supplement 2.6",
    {"edge": "merged"},
)
AUXILIARY = Variant(
    "aux",
    "a skip besides on every edge, fading out",
    "DARTS- (Chu et al., ICLR 2021); Meituan-AutoML/DARTS- src/search/model_search.py:11-45",
    {"edge": "auxiliary-skip"},  # on NAS-Bench-201 as the base method (choice: DARTS-'s code for it is not public)
)
PARTIAL = Variant(
    "pc",
    "a quarter of the channels through the operations",
    "PC-DARTS (Xu et al., ICLR 2020); pc-darts-1st as in SmoothDARTS sota/cnn/train_search_pcdarts.py, without weights "
    "on the edges",
    {"edge": "partial-channels"},
)
PROGRESSIVE = Variant(
    "p",
    "operations dropped on the way",
    "P-DARTS (Chen et al., ICCV 2019), ZARTS supplement 2.6",
    {"schedule": "progressive"},
)
CROSSES = (
    (PROGRESSIVE,),
    (GUMBEL,),
    (MERGED,),
    (AUXILIARY,),
    (PARTIAL,),
    (PROGRESSIVE, GUMBEL),
    (PROGRESSIVE, MERGED),
)
"""Variants of one part exclude each other: a merged edge has no single operation to run, so it is not sampled."""
BASES = ("darts-1st", "darts-2nd", "zarts-rs", "zarts-mgs", "zarts-gld")
ALIASES = {
    "p-zarts-mgs": "p-zarts",
    "g-zarts-mgs": "gzas",
    "merge-zarts-mgs": "mergezarts",
    "merge-darts-1st": "mergenas-1st",
    "merge-darts-2nd": "mergenas-2nd",
    "aux-darts-1st": "darts-minus",
}
"""Crosses that have a name of their own in the papers; both names are understood."""


def crosses() -> dict[str, Composition]:
    """Every base method under every combination of variants."""
    found = {}
    for variants in CROSSES:
        for base in BASES:
            composition = _METHODS[base]
            for variant in variants:
                composition = variant.of(composition)
            summary = f"{base}, {', '.join(variant.summary for variant in variants)}"
            name = "-".join([*(variant.prefix for variant in variants), base])
            found[ALIASES.get(name, name)] = replace(composition, summary=summary)
    return found


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
    _METHODS["darts-2nd"],
    summary="darts-2nd, ended early when the loss bends more and more in alpha",
    source="DARTS-ES (Zela et al., ICLR 2020); automl/RobustDARTS src/search/train_search.py:373-420",
    stopping="rising-curvature",
)


def _gdas() -> Composition:
    """GDAS is DARTS' first order with sampling, under settings of its own."""
    return replace(
        GUMBEL.of(_METHODS["darts-1st"]),
        summary="gradient of the loss of one sampled sub-network per step",
        source="GDAS (Dong & Yang, CVPR 2019); AutoDL-Projects configs/search-opts/GDAS-NASNet-CIFAR.config; "
        "AutoDL-Projects configs/nas-benchmark/algos/GDAS.config",
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
        _METHODS["darts-1st"],
        summary=f"darts-1st, the weights trained at gates that {name}",
        source="SmoothDARTS (Chen & Hsieh, ICML 2020); SmoothDARTS sota/cnn/train_search.py:213-234",
        perturbation=perturbation,
        # SmoothDARTS nasbench201/train_search.py:38-56,120
        on={"nasbench201": {"epochs": 100, "nesterov": False, "weight_decay": 3e-4}},
    )


CATALOGUE: Registry[Composition | BlackBox] = Registry(
    "methods",
    "method",
    {
        **_METHODS,
        "p-darts": P_DARTS,
        "gdas": _gdas(),
        "darts-es": DARTS_ES,
        "pc-darts": PC_DARTS,
        "sdarts-rs": _sdarts("are moved at random", "uniform"),
        "sdarts-adv": _sdarts("are moved to where the loss is high", "adversarial"),
        **crosses(),
        **_BLACK_BOX,
    },
    interface="methods.composition:AnyMethod",
)
