"""The methods that propose whole genotypes."""

from __future__ import annotations

from collections.abc import Mapping

from methods.composition import BlackBox

_NASBENCH201_RUNGS = {"min_epochs": 12, "max_epochs": 200}
"""AutoDL-Projects BOHB.py."""
_TABLE_TRIALS = {"nasbench201-table": {"epochs": 1000}}
"""More than the seconds pay for, as every method has on a table."""

METHODS: Mapping[str, BlackBox] = {
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
    "pnas": BlackBox(
        "cells grown node by node, of all expansions those that a predictor ranks best",
        "PNAS (Liu et al., ECCV 2018), sections 4 and 5, from memory, unchecked",
        strategy="pnas",
        settings={"epochs": 1160, "trial_epochs": 20, "channels": 24, "lr": 0.01},
        on={"nasbench201-table": {"beam": 32}},  # of about 110 trials that its seconds pay for (choice)
    ),
    "bananas": BlackBox(
        "mutations of the best cells, by Thompson sampling from an ensemble of predictors",
        "BANANAS (White et al., AAAI 2021); naszilla nas_algorithms.py. 100 trials of 50 epochs on DARTS: from memory, "
        "unchecked",
        strategy="bananas",
        settings={"epochs": 100, "trial_epochs": 50},
        on=_TABLE_TRIALS,
    ),
    "npenas": BlackBox(
        "mutations of the best cells, by the mean of an ensemble of predictors",
        "NPENAS (Wei et al., 2020); NPENASv1 nas_lib/algos/predictor.py. Trials on images as BANANAS (choice)",
        strategy="npenas",
        settings={"epochs": 100, "trial_epochs": 50},
        on=_TABLE_TRIALS,
    ),
    "local-search": BlackBox(
        "all neighbours of a cell, then those of the best of them; anew from every optimum",
        "Local search is state of the art for NAS benchmarks (White et al., 2020), Algorithm 1; naszilla "
        "nas_algorithms.py. Trials on images as BANANAS (choice)",
        strategy="local-search",
        settings={"epochs": 100, "trial_epochs": 50},
        on=_TABLE_TRIALS,
    ),
}
