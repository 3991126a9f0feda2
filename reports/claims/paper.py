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
    passes_of_schedule,
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
GIVEN = "MGS draws around the exact gradient, which the other two must estimate"
TRAINED = "small networks of the cells, trained for a few hundred steps, tell little of them"
STEPS, UPDATES = 50 * 391, 40 * 40
"""Of the weights, and ZARTS' of alpha, in a search of the paper's: CIFAR-10 in batches of 64, and every tenth step from
epoch 10 on (supplement 2.2, and its code)."""
FEW_UPDATES = f"{SMALL}; ZARTS moves alpha a few hundred times, in the paper {UPDATES:,} times; {TRAINED}"
MEANS = "a mean, where the paper has the best of four"
OF_FOUR = f"{FEW_UPDATES}; {MEANS}"
COUNTED = "small supernets on small images; operations are counted, cells not trained"
HARDLY = "with the weights of Eq. 8 losses hardly weigh: see the effective sample ratio"
BARELY = f"{HARDLY}; so where candidates have them from can hardly matter"
CHOSEN_LATER = "chosen after the runs, for the paper shows pictures"
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
MORE_THAN_HALF, AT_MOST_HALF = Within(low=DOMINATED), Within(high=DOMINATED)
EVALUATIONS = (3_200, 16_800)
"""Losses and gradients, early and late in the searches (choice)."""
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


def _flatter(measure: str, than: str) -> Quantity:
    """Decades of a measure of sharpness between other weights and fine-tuned ones, of the runs of ZARTS-MGS, a mean
    over the spaces."""

    def decades(records: Records) -> BySeed:
        runs = records.finished[(records.finished.method == "zarts-mgs") & records.finished.space.isin(REDUCED)]
        of: dict[str, dict[int, float]] = {space: {} for space in REDUCED}
        landscapes = analyses.read(records, "landscape")
        for run in runs.itertuples():
            if run.run in landscapes:
                sharp = {panel: values[measure] for panel, values in analyses.sharpness(landscapes[run.run])}
                if sharp[than] > 0 and sharp["fine-tuned"] > 0:  # where it was measured
                    of[run.space][int(run.seed)] = float(np.log10(sharp[than] / sharp["fine-tuned"]))
        return mean(of.values())

    return decades


def _if_mgs(method: str) -> str:
    """What there is to add of the weights of its candidates."""
    return f"; {HARDLY}" if method == "zarts-mgs" else ""


def _sample_ratio(**settings: object) -> Quantity:
    return lambda records: sample_ratio(records, "zarts-mgs", SUPERNET, CIFAR, **settings)


def _in_passes_of_darts(**settings: object) -> Quantity:
    """With the steps and updates of the paper's searches."""
    return lambda records: ratio(
        passes_of_schedule(STEPS, UPDATES, records, "zarts-mgs", SUPERNET, CIFAR, **settings),
        passes_of_schedule(STEPS, STEPS, records, "darts-1st", SUPERNET, CIFAR),
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
            f"test error, {darts} less {method}{over} (points)",
            f"{OF_FOUR}{_if_mgs(method)}",
        )
        for darts in ("darts-1st", "darts-2nd")
        for of, spaces, over in (("S1 to S3", SUPPLYING, ", a mean over the three spaces"), ("S4", ["s4"], ""))
        for method in ("zarts-mgs", "zarts-rs", "zarts-gld")
    ),
    *(
        Claim(
            f"ZARTS-MGS outperforms darts-1st on S4: {where}",
            "section 5.1, Table 2",
            "noise",
            _better_trained("zarts-mgs", "darts-1st", ["s4"], **settings),
            "test error, darts-1st less zarts-mgs (points)",
            f"{SMALL}; {TRAINED}; {MEANS}; a second look, after the plain searches had contradicted it",
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
        f"{OF_FOUR}; {HARDLY}",
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
            f"{COUNTED}; to dominate is taken to be more than half (choice){_if_mgs(method)}",
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
            f"{COUNTED}{_if_mgs(method)}",
        )
        for darts in ("darts-1st", "darts-2nd")
        for method in ("zarts-mgs", "zarts-rs", "zarts-gld")
    ),
    *(
        Claim(
            f"An accurate w*(alpha) makes the loss landscape flatter: {what}, fine-tuned and {named}",
            "section 3, Fig. 1",
            "robustness",
            _flatter(measure, than),
            f"decades of {of}, {named} less fine-tuned, a mean over the four spaces",
            f"{SMALL}; around the alpha of ZARTS-MGS; {how}",
            analysis="landscape",
        )
        for what, measure, of, how in (
            ("Q", "condition", "the condition number Q (Eq. 9)", "50 directions of length 0.01"),
            (
                "curvature",
                "curvature",
                "the mean size of the Laplacian",
                f"on grids of 5 x 5 points, once 7 x 7; {CHOSEN_LATER}",
            ),
        )
        for than, named in (("fixed", "fixed weights"), ("unrolled", "one unrolled step"))
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
        "the ratio, a mean over the epochs",
        f"{SMALL}; losses hardly weigh beside the densities that Eq. 8 divides by: {SAMPLES} samples of one loss have "
        f"{ratio_of_equal_losses(SAMPLES, DIMENSIONS):.2f} in {DIMENSIONS} dimensions",
        SETTLED,
    ),
    Claim(
        "The effective sample ratio settles at 0.7: with the weights of the released code",
        "supplement 1, Fig. 2",
        "finetuning",
        _sample_ratio(**{**OF_COLLAPSE, "weight_mode": "released"}),
        "the ratio, a mean over the epochs",
        f"{SMALL}; losses differ by less than tau, so that all weigh about the same",
        SETTLED,
    ),
    Claim(
        "The weights of Eq. 8 find better cells than those of the released code",
        "Eq. 8 (implied)",
        "weighing",
        _better_set(TABLE, ON_TABLE, {**ON_TABLE, "weight_mode": "released"}),
        "test accuracy, exact less released (points)",
        f"{EXACT}; released, softmin and unit_var all but average there: they end at the same cells",
    ),
    Claim(
        "The weights of Eq. 8 find better cells than those of the released code, on a supernet",
        "Eq. 8 (implied)",
        "finetuning",
        _better_set(SUPERNET, OF_COLLAPSE, {**OF_COLLAPSE, "weight_mode": "released"}),
        "test accuracy, exact less released (points)",
        LOOKED_UP,
        besides="collapse",
    ),
    *(
        Claim(
            f"{says}, after {count:,} evaluations each",
            "section 5.1, Table 2 (at equal cost: asked here)",
            "rules",
            _better_on_table(a, b, partial(accuracy_within, count)),
            f"test accuracy, {a} less {b}, a mean over three data sets (points)",
            f"{EXACT}; {GIVEN}; schedules are those of 5,000 updates, cut off",
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
            f"{EXACT}; {GIVEN}; for an update GLD asks for more losses than RS, and RS for more than MGS",
        )
        for says, a, b in RIVALS
    ),
    Claim(
        "MGS costs less than GLD",
        "section 5.1, which says 2.2 times less",
        "collapse",
        _gld_in_passes_of_mgs,
        "passes of zarts-gld over batches, in those of zarts-mgs",
        f"{SMALL}; passes are counted, not time, and are the same for all seeds; GLD has fewer radii than in the paper",
        Within(low=1.0),
    ),
    Claim(
        f"ZARTS-MGS costs at most {DAYS.high:g} times what DARTS (first order) does",
        "Table 3",
        "finetuning",
        _in_passes_of_darts(**{**AS_WRITTEN, "finetune_steps": 10}),
        f"passes of zarts-mgs over batches, in those of darts-1st, of {STEPS:,} steps and {UPDATES:,} updates of alpha",
        "passes are counted, not time, and are the same for all seeds; what a step and an update take is measured at a "
        "small scale",
        DAYS,
        besides="collapse",
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
        f"{LOOKED_UP}; losses differ by less than tau: with these weights, too, they hardly weigh",
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
            f"{FEW_UPDATES}; {HARDLY}",
        )
        for variant, base in (("gzas", "gdas"), ("p-zarts", "p-darts"), ("mergezarts", "mergenas-2nd"))
    ),
)
