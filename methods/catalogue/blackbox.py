"""The methods that propose whole genotypes."""

from __future__ import annotations

from collections.abc import Mapping

from methods.composition import BlackBox

_NASBENCH201_RUNGS = {"min_epochs": 12, "max_epochs": 200}
"""AutoDL-Projects BOHB.py."""

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
}
