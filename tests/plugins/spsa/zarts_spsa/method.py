"""ZARTS with SPSA. Imports no torch, so that listing the methods stays quick."""

from methods.composition import Composition

ZARTS_SPSA = Composition(
    "SPSA: a gradient estimated from two fine-tuned losses",
    "Spall, 1992; ZARTS (Wang et al., NeurIPS 2022) with another rule",
    rule="outside-spsa",
    lookahead="fine-tuned",
    settings={"warmup": 10, "cadence": 10},
    on={"nasbench201-table": {"spsa_a": 50.0}},  # the table's losses differ less than a supernet's
)
