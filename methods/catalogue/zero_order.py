"""More rules for an alpha without its gradient, each with the fine-tuned losses of ZARTS."""

from __future__ import annotations

from collections.abc import Mapping

from methods.catalogue.zarts import METHODS as BASE
from methods.composition import Composition

ON_TABLE = "nasbench201-table"


def with_rule(rule: str, summary: str, source: str, **on_table: float) -> Composition:
    """A rule in the place of ZARTS'. The rules' defaults are choices that make steps about as long as GLD's: 0.06 to
    0.13 where those have 0.09, means over the first three epochs that move alpha, one seed, on a small supernet of S1
    with the data set digits. The table's losses differ less: with `on_table` steps are 0.05 to 0.09 where GLD's have
    0.07, means over the first 100 updates and three seeds; those of CMA-ES begin so, and grow with its sigma."""
    return Composition(
        summary,
        f"{source}; ZARTS (Wang et al., NeurIPS 2022) with another rule",
        rule=rule,
        lookahead="fine-tuned",
        settings=BASE["zarts-gld"].settings,
        on={ON_TABLE: on_table} if on_table else {},
    )


METHODS: Mapping[str, Composition] = {
    "zarts-cma": with_rule(
        "cma",
        "CMA-ES: a normal distribution follows the candidates that rank best",
        "Hansen, arXiv:1604.00772; Ros & Hansen, PPSN 2008",
    ),
    "zarts-spsa": with_rule(
        "spsa",
        "SPSA: a gradient estimated from two losses, with falling gains",
        "Spall, IEEE Transactions on Automatic Control 37 (1992)",
        spsa_a=10.0,
    ),
    "zarts-nes": with_rule(
        "nes",
        "evolution strategies: mirrored candidates weighted by their ranks",
        "Salimans et al., arXiv:1703.03864",
    ),
    "zarts-guided-es": with_rule(
        "guided-es",
        "evolution strategies that lean towards the first-order gradient",
        "Maheswaranathan et al., ICML 2019",
        guided_lr=4.0,
    ),
    "zarts-two-point": with_rule(
        "two-point",
        "a slope along one random direction per update",
        "Nesterov & Spokoiny, Foundations of Computational Mathematics 17 (2017)",
        two_point_h=1.0,
    ),
    "zarts-sign": with_rule(
        "zo-sign",
        "ZO-signSGD: the signs of an estimated gradient",
        "Liu et al., ICLR 2019",
    ),
    "zarts-zo-adam": with_rule(
        "zo-adam",
        "ZO-AdaMM: Adam on an estimated gradient",
        "Chen et al., NeurIPS 2019",
    ),
    "zarts-annealing": with_rule(
        "annealing",
        "simulated annealing: a random step is taken if it is better or lucky",
        "Kirkpatrick et al., Science 220 (1983)",
        temperature=1e-4,
    ),
}
