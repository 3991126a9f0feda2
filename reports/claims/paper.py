"""The claims of ZARTS (Wang et al., NeurIPS 2022), and how each is put to the test here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from reports import analyses
from reports.claims.claim import Claim, Within
from reports.claims.measures import (
    BySeed,
    Settings,
    accuracy,
    accuracy_within,
    below_average,
    errors,
    less,
    mean,
    parameterless,
    passes,
    ratio,
    ratio_of_equal_losses,
    sample_ratio,
)
from reports.records import Records
from reports.statistics.operations import DOMINATED

Quantity = Callable[[Records], BySeed]
Accuracy = Callable[..., BySeed]

TABLE, SUPERNET, CIFAR = "nasbench201-table", "nasbench201", "cifar10"
DATASETS = ("cifar10", "cifar100", "imagenet16-120")
REDUCED = ("s1", "s2", "s3", "s4")
SUPPLYING = ("s1", "s2", "s3")
"""Those that have parameterless operations: S4 offers a convolution and noise."""
SMALL = "a small supernet on small images"
LOOKED_UP = f"{SMALL}; the cells are looked up, trained for 200 epochs at full size"
EXACT = "the exact objective of NAS-Bench-201's table: no supernet, so nothing of w*(alpha)"
TRAINED = "small networks of the cells, trained for a few hundred steps, tell little of them"
FEW_UPDATES = f"{SMALL}; ZARTS moves alpha a few hundred times, in the paper some 1,560 times; {TRAINED}"
COUNTED = "small supernets on small images; operations are counted, cells not trained"
BARELY = "with the weights of Eq. 8 losses hardly weigh, so that where candidates have them from can hardly matter"
ON_TABLE = {"samples": 4, "weight_mode": "exact", "oracle": "exact"}
"""Of MGS; a study of its settings has others, too."""
AS_WRITTEN = {"finetune": "faithful", "weight_mode": "exact"}
OF_COLLAPSE = {**AS_WRITTEN, "finetune_steps": 3}
"""Of ZARTS-MGS on a supernet; studies of fine-tuning and of weights have others, too."""
OF_ROBUSTNESS = {**AS_WRITTEN, "cadence": 5}
"""Of ZARTS-MGS on S1 to S4; a study of S4's noise has others, too."""
AS_GOOD = 0.1
"""Points of accuracy below which a gain is none (choice)."""
SETTLED = Within(0.6, 0.8)
"""Around the ratio that is claimed (choice)."""
DAYS = Within(high=1.0 / 0.4)
"""What a search of ZARTS-MGS costs, in searches of DARTS of first order (Table 3, GPU days)."""
LIKE_GLD = 2.2 / 1.0
"""What a search of ZARTS-GLD costs, in searches of ZARTS-MGS (section 5.1, GPU days)."""
MORE_THAN_HALF, AT_MOST_HALF = Within(low=DOMINATED), Within(high=DOMINATED)
EVALUATIONS = (3_200, 16_800)
"""Losses and gradients at which the records of MGS, RS and GLD are within a fifth of one another (choice)."""
RIVALS = (
    ("MGS finds better cells than random-search gradients (RS)", "zarts-mgs", "zarts-rs"),
    ("GLD finds better cells than MGS", "zarts-gld", "zarts-mgs"),
)
SAMPLES, DIMENSIONS = 4, 30
"""Of MGS in those runs, and of alpha on NAS-Bench-201."""


def _own(method: str) -> Settings:
    return OF_COLLAPSE if method == "zarts-mgs" else {}


def _better_on_supernet(a: str, b: str) -> Quantity:
    return lambda records: less(*(accuracy(records, each, SUPERNET, CIFAR, **_own(each)) for each in (a, b)))


def _better_on_table(a: str, b: str, accurate: Accuracy) -> Quantity:
    def of(records: Records, method: str) -> BySeed:
        own = ON_TABLE if method == "zarts-mgs" else {"oracle": "exact"}
        return mean(accurate(records, method, TABLE, dataset, **own) for dataset in DATASETS)

    return lambda records: less(of(records, a), of(records, b))


def _better_trained(a: str, b: str, spaces: Sequence[str], **settings: object) -> Quantity:
    """Settings: of ZARTS-MGS."""
    own = {"zarts-mgs": {**OF_ROBUSTNESS, **settings}}

    def gained(records: Records, space: str) -> BySeed:
        return less(*errors(records, [(each, own.get(each, {})) for each in (b, a)], space, CIFAR))

    return lambda records: mean(gained(records, space) for space in spaces)


def _parameterless(method: str) -> Quantity:
    return lambda records: mean(parameterless(records, method, space, CIFAR) for space in SUPPLYING)


def _fewer_parameterless(better: str, than: str) -> Quantity:
    return lambda records: less(_parameterless(than)(records), _parameterless(better)(records))


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


def _sample_ratio(**settings: object) -> Quantity:
    return lambda records: sample_ratio(records, "zarts-mgs", SUPERNET, CIFAR, **settings)


def _in_passes_of_darts(**settings: object) -> Quantity:
    return lambda records: ratio(
        passes(records, "zarts-mgs", SUPERNET, CIFAR, **settings), passes(records, "darts-1st", SUPERNET, CIFAR)
    )


def _gld_in_passes_of_mgs(records: Records) -> BySeed:
    return ratio(
        passes(records, "zarts-gld", SUPERNET, CIFAR), passes(records, "zarts-mgs", SUPERNET, CIFAR, **OF_COLLAPSE)
    )


def _better_set(space: str, better: Settings, than: Settings) -> Quantity:
    """How much more accurate the cells of ZARTS-MGS are with the one settings than with the other."""
    return lambda records: less(*(accuracy(records, "zarts-mgs", space, CIFAR, **each) for each in (better, than)))


CLAIMS = (
    Claim(
        "DARTS collapses on NAS-Bench-201: its cells are worse than random search's",
        "section 1; supplement, Table 4",
        "collapse",
        _better_on_supernet("random-search", "darts-1st"),
        "test accuracy, random search less darts-1st (points)",
        f"{LOOKED_UP}; random search makes as many backward passes, of single cells",
    ),
    Claim(
        "DARTS collapses on NAS-Bench-201: its cells are worse than the average cell",
        "section 1; supplement, Table 4",
        "collapse",
        lambda records: below_average(records, "darts-1st", SUPERNET, CIFAR),
        "test accuracy, the table's average cell less darts-1st (points)",
        LOOKED_UP,
    ),
    Claim(
        "ZARTS does not collapse there: its cells are better than DARTS'",
        "supplement 2.8, Table 4",
        "collapse",
        _better_on_supernet("zarts-mgs", "darts-1st"),
        "test accuracy, zarts-mgs less darts-1st (points)",
        LOOKED_UP,
    ),
    Claim(
        "ZARTS' cells there are better than random search's",
        "supplement, Table 4 (implied)",
        "collapse",
        _better_on_supernet("zarts-mgs", "random-search"),
        "test accuracy, zarts-mgs less random search (points)",
        LOOKED_UP,
    ),
    *(
        Claim(
            f"All three zero-order rules outperform {darts} on {of}: {method}",
            "section 5.1, Table 2",
            "robustness",
            _better_trained(method, darts, spaces),
            f"test error, {darts} less {method} (points)",
            FEW_UPDATES,
        )
        for darts in ("darts-1st", "darts-2nd")
        for of, spaces in (("S1 to S3", SUPPLYING), ("S4", ["s4"]))
        for method in ("zarts-mgs", "zarts-rs", "zarts-gld")
    ),
    *(
        Claim(
            f"ZARTS-MGS outperforms darts-1st on S4: {where}",
            "section 5.1, Table 2",
            "noise",
            _better_trained("zarts-mgs", "darts-1st", ["s4"], **settings),
            "test error, darts-1st less zarts-mgs (points)",
            f"{SMALL}; {TRAINED}; a second look, after the plain searches had contradicted it",
        )
        for where, settings in (
            ("with as many updates of alpha", {"cadence": 1}),
            ("with candidates weighed by their losses alone", {"weight_mode": "softmin"}),
            ("with both", {"cadence": 1, "weight_mode": "softmin"}),
        )
    ),
    Claim(
        "GLD finds the best cells of the three: better ones than MGS",
        "section 5.1, Table 2",
        "robustness",
        _better_trained("zarts-gld", "zarts-mgs", REDUCED),
        "test error, zarts-mgs less zarts-gld, a mean over S1 to S4 (points)",
        FEW_UPDATES,
    ),
    *(
        Claim(
            f"On NAS-Bench-201 the other rules, too, outperform DARTS: {method}",
            "section 5.1 (of S1-S4)",
            "collapse",
            _better_on_supernet(method, "darts-1st"),
            f"test accuracy, {method} less darts-1st (points)",
            LOOKED_UP,
        )
        for method in ("zarts-rs", "zarts-gld")
    ),
    *(
        Claim(
            f"Parameterless operations dominate the cells of DARTS: {method}",
            "section 5.1; supplement 2.1 and Fig. 3",
            "robustness",
            _parameterless(method),
            "such operations of 8 in the normal cell, a mean over S1 to S3",
            f"{COUNTED}; to dominate is taken to be more than half (choice)",
            MORE_THAN_HALF,
        )
        for method in ("darts-1st", "darts-2nd")
    ),
    *(
        Claim(
            f"Parameterless operations do not dominate the cells of ZARTS: {method}",
            "section 5.1; supplement 2.1 and Fig. 3",
            "robustness",
            _parameterless(method),
            "such operations of 8 in the normal cell, a mean over S1 to S3",
            f"{COUNTED}; to dominate is taken to be more than half (choice)",
            AT_MOST_HALF,
        )
        for method in ("zarts-mgs", "zarts-rs", "zarts-gld")
    ),
    *(
        Claim(
            f"ZARTS' cells have fewer of them than those of {darts}: {method}",
            "section 5.1, Table 2; supplement, Fig. 3",
            "robustness",
            _fewer_parameterless(method, darts),
            f"such operations of 8 in the normal cell, {darts} less {method}, a mean over S1 to S3",
            COUNTED,
        )
        for darts in ("darts-1st", "darts-2nd")
        for method in ("zarts-mgs", "zarts-rs", "zarts-gld")
    ),
    Claim(
        "An accurate w*(alpha) makes the loss landscape flatter",
        "section 3, Fig. 1",
        "robustness",
        _flatter,
        "decades of the condition number Q, weights fixed less fine-tuned, a mean over the four spaces",
        f"{SMALL}; of cells of ZARTS-MGS, on grids of a few points",
    ),
    Claim(
        "Four samples are enough: eight find no better cells",
        "supplement 2.3, Table 1",
        "weighing",
        _better_set(TABLE, {**ON_TABLE, "samples": 8}, ON_TABLE),
        "test accuracy, 8 samples less 4 (points)",
        f"{EXACT}; with any number searches end near the best cell, so that little can be gained",
        Within(high=AS_GOOD),
    ),
    Claim(
        "Two samples are too few: four find better cells",
        "supplement 2.3, Table 1",
        "weighing",
        _better_set(TABLE, ON_TABLE, {**ON_TABLE, "samples": 2}),
        "test accuracy, 4 samples less 2 (points)",
        f"{EXACT}; with any number searches end near the best cell, so that little can be gained",
    ),
    Claim(
        "The effective sample ratio settles at 0.7: with the weights of Eq. 8",
        "supplement 1, Fig. 2",
        "collapse",
        _sample_ratio(**OF_COLLAPSE),
        "the ratio in the last epoch",
        f"{SMALL}; losses hardly weigh beside the densities that Eq. 8 divides by: {SAMPLES} samples of one loss have "
        f"{ratio_of_equal_losses(SAMPLES, DIMENSIONS):.2f} in {DIMENSIONS} dimensions",
        SETTLED,
    ),
    Claim(
        "The effective sample ratio settles at 0.7: with the weights of the released code",
        "supplement 1, Fig. 2",
        "finetuning",
        _sample_ratio(**{**OF_COLLAPSE, "weight_mode": "released"}),
        "the ratio in the last epoch",
        SMALL,
        SETTLED,
    ),
    Claim(
        "The weights of Eq. 8 find better cells than those of the released code",
        "Eq. 8 (implied)",
        "weighing",
        _better_set(TABLE, ON_TABLE, {**ON_TABLE, "weight_mode": "released"}),
        "test accuracy, exact less released (points)",
        EXACT,
    ),
    Claim(
        "The weights of Eq. 8 find better cells than those of the released code, on a supernet",
        "Eq. 8 (implied)",
        "finetuning",
        _better_set(SUPERNET, OF_COLLAPSE, {**OF_COLLAPSE, "weight_mode": "released"}),
        "test accuracy, exact less released (points)",
        LOOKED_UP,
    ),
    *(
        Claim(
            f"{says}, after {count:,} evaluations each",
            "section 5.1, Table 2",
            "rules",
            _better_on_table(a, b, partial(accuracy_within, count)),
            f"test accuracy, {a} less {b}, a mean over three data sets (points)",
            EXACT,
        )
        for says, a, b in RIVALS
        for count in EVALUATIONS
    ),
    *(
        Claim(
            f"{says}, after as many updates each",
            "section 5.1, Table 2",
            "rules",
            _better_on_table(a, b, accuracy),
            f"test accuracy, {a} less {b}, a mean over three data sets (points)",
            f"{EXACT}; for an update GLD asks for more losses than RS, and RS for more than MGS",
        )
        for says, a, b in RIVALS
    ),
    Claim(
        f"MGS costs less than GLD, which costs {LIKE_GLD:g} times as much",
        "section 5.1",
        "collapse",
        _gld_in_passes_of_mgs,
        "passes of zarts-gld over batches, in those of zarts-mgs",
        f"{SMALL}; passes are counted, not time; GLD has fewer radii than in the paper",
        Within(low=1.0),
    ),
    *(
        Claim(
            f"ZARTS-MGS costs at most {DAYS.high:g} times what DARTS (first order) does: {steps} steps of fine-tuning",
            "Table 3",
            suite,
            _in_passes_of_darts(**{**AS_WRITTEN, "finetune_steps": steps}),
            "passes of zarts-mgs over batches, in those of darts-1st",
            f"{SMALL}; passes are counted, not time; alpha moves at every fifth step; the paper takes ten steps",
            DAYS,
        )
        for steps, suite in ((3, "collapse"), (10, "finetuning"))
    ),
    Claim(
        "Ten steps of fine-tuning are needed: two find worse cells",
        "supplement 2.3, Table 1",
        "finetuning",
        _better_set(SUPERNET, *({**AS_WRITTEN, "finetune_steps": steps} for steps in (10, 2))),
        "test accuracy, 10 steps less 2 (points)",
        f"{LOOKED_UP}; {BARELY}",
    ),
    Claim(
        "Candidates need their own weights: the released code, which scores all at w, finds worse cells",
        "section 3; Algorithm 1 (implied)",
        "finetuning",
        _better_set(SUPERNET, {**AS_WRITTEN, "finetune_steps": 10}, {"finetune": "released", "weight_mode": "exact"}),
        "test accuracy, 10 steps of fine-tuning less none (points)",
        f"{LOOKED_UP}; {BARELY}",
    ),
    Claim(
        "Candidates need their own weights, where these are weighed by their losses alone",
        "section 3; Algorithm 1 (implied)",
        "finetuning",
        _better_set(SUPERNET, *({"finetune": how, "weight_mode": "softmin"} for how in ("faithful", "released"))),
        "test accuracy, 3 steps of fine-tuning less none (points)",
        LOOKED_UP,
    ),
    Claim(
        "On NAS-Bench-201 ZARTS improves a variant of DARTS: gzas on gdas",
        "section 5.3, Table 5 (of the DARTS space)",
        "collapse",
        _better_on_supernet("gzas", "gdas"),
        "test accuracy, gzas less gdas (points)",
        LOOKED_UP,
    ),
    *(
        Claim(
            f"ZARTS improves the variants of DARTS: {variant} on {base}",
            "section 5.3, Table 5",
            "variants",
            _better_trained(variant, base, ["darts"]),
            f"test error, {base} less {variant} (points)",
            FEW_UPDATES,
        )
        for variant, base in (("gzas", "gdas"), ("p-zarts", "p-darts"), ("mergezarts", "mergenas-2nd"))
    ),
)
