"""One-shot methods: the weights of all sub-networks are trained, and then the best is looked for with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from methods.composition import Composition

_WITHOUT_ALPHA: Mapping[str, Any] = {
    "rule": "none",
    "lookahead": "first-order",
    "relaxation": "uniform",
    "edge": "sparse",
    "schedule": "weights-only",
    "sampler": "uniform",
}
_BENCHMARK = {"epochs": 250, "untrained": "decayed", "ranked": 100, "ranking_batches": 1, "ranking_batch": 512}
"""AutoDL-Projects configs/nas-benchmark/algos/RANDOM.config, SETN.config and their scripts; what is not said here is as
for all methods there."""

METHODS: Mapping[str, Composition] = {
    "rsps": Composition(
        "random sub-networks trained, then the best of random ones by the shared weights",
        "RSPS (Li & Talwalkar, UAI 2019); randomNAS_release searchers/random_weight_share.py, benchmarks/cnn/darts/"
        "darts_wrapper_discrete.py; on NAS-Bench-201 AutoDL-Projects RANDOM-NAS.py",
        **_WITHOUT_ALPHA,
        strategy="sets",
        settings={
            "epochs": 100,
            "clip": 1.0,  # choice: lower than DARTS' 5, as in the paper; the code's 0.25 is that of its language models
            "sample_none": True,
            "ranked": 3030,  # a set of 1,000 and 10 finalists for every 10,000 iterations
            "ranking_batches": 10,
            "ranking_batch": 64,
        },
        on={"nasbench201": {**_BENCHMARK, "clip": 5.0, "set_size": 100, "finalists": 0}},
    ),
    "setn": Composition(
        "random sub-networks trained, and an alpha on their mixture that names the candidates",
        "SETN (Dong & Yang, ICCV 2019); AutoDL-Projects exps/NAS-Bench-201-algos/SETN.py; the DARTS family from the "
        "paper, from memory, unchecked",
        rule="adam",
        lookahead="first-order",
        edge="sparse",
        sampler="uniform",
        strategy="most-probable",
        settings={"order": "weights-first", "clip": 1e12},  # no gradient is as long: it is not clipped
        on={"nasbench201": _BENCHMARK},
    ),
    "spos": Composition(
        "random sub-networks trained, then a genetic algorithm on their accuracies",
        "SPOS (Guo et al., ECCV 2020); megvii-model/SinglePathOneShot src/Supernet/train.py, src/Search/search.py, "
        "src/Search/tester.py; cells, and training as DARTS (choice: its own space is of ImageNet)",
        **_WITHOUT_ALPHA,
        strategy="genetic",
        settings={"batch_norm": "recalibrated", "ranking_batches": 40, "ranking_batch": 200},
        on={"nasbench201": {"epochs": 250}},  # choice: as the others
    ),
}
