"""The claims of ZARTS (Wang et al., NeurIPS 2022), and how each is put to the test here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from reports import analyses
from reports.claims.claim import Claim
from reports.claims.measures import (
    BySeed,
    accuracy,
    asked,
    error,
    less,
    mean,
    parameterless,
    passes,
    ratio,
    sample_ratio,
    shortfall,
)
from reports.records import Records

Effect = Callable[[Records], BySeed]

TABLE, SUPERNET, CIFAR = "nasbench201-table", "nasbench201", "cifar10"
DATASETS = ("cifar10", "cifar100", "imagenet16-120")
REDUCED = ("s1", "s2", "s3", "s4")
SMALL = "a small supernet on small images; the cells are looked up, trained for 200 epochs at full size"
EXACT = "the exact objective of NAS-Bench-201's table: no supernet, so nothing of w*(alpha)"
SHRUNK = "small supernets on small images; operations are counted, cells not trained"
AS_PUBLISHED = {"samples": 4, "weight_mode": "exact"}
"""Of MGS; a study of its settings has others, too."""
OF_COLLAPSE = {"finetune": "faithful", "finetune_steps": 3}
"""Of ZARTS-MGS on a supernet; a study of fine-tuning has others, too."""
AS_GOOD = 0.5
"""Points of accuracy within which more work is taken to bring nothing (choice)."""
NEAR = 0.1
"""How far a ratio may be from the one that is claimed (choice)."""
DAYS = 1.0 / 0.4
"""What a search of ZARTS-MGS costs, in searches of DARTS of first order (Table 3, GPU days)."""
LIKE_GLD = 2.2 / 1.0
"""What a search of ZARTS-GLD costs, in searches of ZARTS-MGS (section 5.1, GPU days)."""


def _own(method: str) -> Mapping[str, object]:
    return OF_COLLAPSE if method == "zarts-mgs" else {}


def _better_on_supernet(a: str, b: str) -> Effect:
    return lambda records: less(*(accuracy(records, each, SUPERNET, CIFAR, **_own(each)) for each in (a, b)))


def _better_on_table(a: str, b: str) -> Effect:
    def of(records: Records, method: str) -> BySeed:
        own = AS_PUBLISHED if method == "zarts-mgs" else {}
        return mean(accuracy(records, method, TABLE, dataset, oracle="exact", **own) for dataset in DATASETS)

    return lambda records: less(of(records, a), of(records, b))


def _better_trained(a: str, b: str) -> Effect:
    return lambda records: less(error(records, b, "darts", CIFAR), error(records, a, "darts", CIFAR))


def _fewer_parameterless(than: str) -> Effect:
    def of(records: Records, method: str) -> BySeed:
        return mean(parameterless(records, method, space, CIFAR) for space in REDUCED)

    return lambda records: less(of(records, than), of(records, "zarts-mgs"))


def _flatter(records: Records) -> BySeed:
    """Decades of the condition number between weights that are fixed and fine-tuned ones, of the runs of ZARTS-MGS, a
    mean over the spaces."""
    runs = records.finished[(records.finished.method == "zarts-mgs") & records.finished.space.isin(REDUCED)]
    of: dict[str, dict[int, float]] = {space: {} for space in REDUCED}
    landscapes = analyses.read(records, "landscape")
    for run in runs.itertuples():
        condition = landscapes.get(run.run, {}).get("condition") or {}
        if {"fixed", "fine-tuned"} <= condition.keys():
            of[run.space][int(run.seed)] = float(np.log10(condition["fixed"] / condition["fine-tuned"]))
    return mean(of.values())


def _of_samples(records: Records, n: int) -> BySeed:
    return accuracy(records, "zarts-mgs", TABLE, CIFAR, **{**AS_PUBLISHED, "samples": n}, oracle="exact")


def _saturated(records: Records) -> BySeed:
    of = {n: _of_samples(records, n) for n in (4, 8)}
    return shortfall(AS_GOOD, less(of[8], of[4]))


def _few_do_worse(records: Records) -> BySeed:
    of = {n: _of_samples(records, n) for n in (2, 4)}
    return less(of[4], of[2])


def _near_seven_tenths(records: Records) -> BySeed:
    of = sample_ratio(records, "zarts-mgs", SUPERNET, CIFAR, **OF_COLLAPSE)
    return shortfall(NEAR, {seed: abs(value - 0.7) for seed, value in of.items()})


def _affordable(records: Records) -> BySeed:
    of = (passes(records, method, SUPERNET, CIFAR, **_own(method)) for method in ("zarts-mgs", "darts-1st"))
    return shortfall(DAYS, ratio(*of))


def _cheaper_than_gld(records: Records) -> BySeed:
    of = (asked(records, method, SUPERNET, CIFAR, **_own(method)) for method in ("zarts-gld", "zarts-mgs"))
    return {seed: value - 1 for seed, value in ratio(*of).items()}


def _fine_tuned(records: Records, **settings: object) -> BySeed:
    return accuracy(records, "zarts-mgs", SUPERNET, CIFAR, **settings)


def _ten_steps(records: Records) -> BySeed:
    two, ten = (_fine_tuned(records, **{**OF_COLLAPSE, "finetune_steps": steps}) for steps in (2, 10))
    return less(ten, two)


def _faithful(records: Records) -> BySeed:
    ten = _fine_tuned(records, **{**OF_COLLAPSE, "finetune_steps": 10})
    return less(ten, _fine_tuned(records, finetune="released"))


CLAIMS = (
    Claim(
        "DARTS collapses on NAS-Bench-201: its cells are worse than random search's",
        "section 1; supplement, Table 4",
        "collapse",
        _better_on_supernet("random-search", "darts-1st"),
        "test accuracy, random search less darts-1st (points)",
        f"{SMALL}; random search makes as many backward passes, of single cells",
    ),
    Claim(
        "ZARTS does not collapse there: its cells are better than DARTS'",
        "supplement 2.8, Table 4",
        "collapse",
        _better_on_supernet("zarts-mgs", "darts-1st"),
        "test accuracy, zarts-mgs less darts-1st (points)",
        SMALL,
    ),
    Claim(
        "ZARTS' cells there are better than random search's",
        "supplement, Table 4 (implied)",
        "collapse",
        _better_on_supernet("zarts-mgs", "random-search"),
        "test accuracy, zarts-mgs less random search (points)",
        SMALL,
    ),
    *(
        Claim(
            f"All three zero-order rules outperform DARTS: {method}",
            "section 5.1 (of S1-S4)",
            "collapse",
            _better_on_supernet(method, "darts-1st"),
            f"test accuracy, {method} less darts-1st (points)",
            f"on NAS-Bench-201, not on S1-S4; {SMALL}",
        )
        for method in ("zarts-rs", "zarts-gld")
    ),
    *(
        Claim(
            f"DARTS is dominated by parameterless operations on S1-S4, ZARTS is not: {darts}",
            "section 5.1, Table 2; supplement, Fig. 3",
            "robustness",
            _fewer_parameterless(darts),
            f"parameterless operations of 8 in the normal cell, {darts} less zarts-mgs, a mean over the four spaces",
            SHRUNK,
        )
        for darts in ("darts-1st", "darts-2nd")
    ),
    Claim(
        "An accurate w*(alpha) makes the loss landscape flatter",
        "section 3, Fig. 1",
        "robustness",
        _flatter,
        "decades of the condition number Q, weights fixed less fine-tuned, a mean over the four spaces",
        SHRUNK,
    ),
    Claim(
        "Four samples are enough: eight find no better cells",
        "supplement 2.3, Table 1",
        "weighing",
        _saturated,
        f"{AS_GOOD:g} points, less what 8 samples gain over 4",
        EXACT,
    ),
    Claim(
        "Two samples are too few: four find better cells",
        "supplement 2.3, Table 1",
        "weighing",
        _few_do_worse,
        "test accuracy, 4 samples less 2 (points)",
        EXACT,
    ),
    Claim(
        "The effective sample ratio settles at 0.7",
        "supplement 1, Fig. 2",
        "collapse",
        _near_seven_tenths,
        f"{NEAR:g}, less the distance of the last epoch's ratio from 0.7",
        SMALL,
    ),
    Claim(
        "MGS finds better cells than random-search gradients (RS)",
        "section 5.1, Table 2",
        "rules",
        _better_on_table("zarts-mgs", "zarts-rs"),
        "test accuracy, zarts-mgs less zarts-rs, a mean over three data sets (points)",
        EXACT,
    ),
    Claim(
        "GLD finds better cells than MGS",
        "section 5.1, Table 2",
        "rules",
        _better_on_table("zarts-gld", "zarts-mgs"),
        "test accuracy, zarts-gld less zarts-mgs, a mean over three data sets (points)",
        f"{EXACT}; as many updates, of which each of GLD asks for more losses",
    ),
    Claim(
        f"MGS costs less than GLD, which costs {LIKE_GLD:g} times as much",
        "section 5.1",
        "collapse",
        _cheaper_than_gld,
        "losses that GLD asks for, in those of MGS, less 1",
        "losses are counted, not time",
    ),
    Claim(
        f"A search of ZARTS-MGS costs at most {DAYS:g} times one of DARTS (first order)",
        "Table 3",
        "collapse",
        _affordable,
        f"{DAYS:g}, less the passes of zarts-mgs over batches in those of darts-1st",
        f"{SMALL}; passes are counted, not time; alpha moves at every fifth step, and M is smaller than in the paper",
    ),
    Claim(
        "Ten steps of fine-tuning are needed: two find worse cells",
        "supplement 2.3, Table 1",
        "finetuning",
        _ten_steps,
        "test accuracy, 10 steps less 2 (points)",
        SMALL,
    ),
    Claim(
        "Candidates need their own weights: the released code, which scores all at w, finds worse cells",
        "section 3; Algorithm 1 (implied)",
        "finetuning",
        _faithful,
        "test accuracy, 10 steps of fine-tuning less none (points)",
        SMALL,
    ),
    Claim(
        "On NAS-Bench-201 ZARTS improves a variant of DARTS: gzas on gdas",
        "section 5.3, Table 5 (of the DARTS space)",
        "collapse",
        _better_on_supernet("gzas", "gdas"),
        "test accuracy, gzas less gdas (points)",
        SMALL,
    ),
    *(
        Claim(
            f"ZARTS improves the variants of DARTS: {variant} on {base}",
            "section 5.3, Table 5",
            "table5-others",
            _better_trained(variant, base),
            f"test error, {base} less {variant} (points)",
            "",
        )
        for variant, base in (("gzas", "gdas"), ("p-zarts", "p-darts"), ("mergezarts", "mergenas-2nd"))
    ),
)
