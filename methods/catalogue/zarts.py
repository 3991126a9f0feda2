"""The paper's own methods, and DARTS."""

from __future__ import annotations

from collections.abc import Mapping

from methods.composition import Composition

_ZARTS = {"warmup": 10, "cadence": 10}

METHODS: Mapping[str, Composition] = {
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
