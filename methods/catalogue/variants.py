"""Variants of the parts of a method, and the crosses that they make with DARTS and ZARTS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from methods.catalogue import zarts
from methods.composition import Composition, Variant

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
SGAS = Variant(
    "sgas",
    "one edge after the other decided on the way",
    "SGAS (Li et al., CVPR 2020); lightaime/sgas cnn/train_search.py",
    {"schedule": "greedy"},
    instead={"warmup": 5},  # of ZARTS' 10 epochs, for the first decision is after 10 (choice)
)
PERTURBED = Variant(
    "pt",
    "the cell made of what the supernet misses most",
    "DARTS-PT (Wang et al., ICLR 2021), without tuning between decisions",
    {"derivation": "perturbation"},
)
FAIR = Variant(
    "fair",
    "operations that do not compete, pushed to be there or not",
    "FairDARTS (Chu et al., ECCV 2020)",
    {"relaxation": "sigmoid", "objective": "zero-one", "derivation": "threshold"},
)
HARD_CONCRETE = Variant(
    "pr",
    "two operations per edge, sampled, a long path rewarded",
    "PR-DARTS (Zhou et al., NeurIPS 2020)",
    {"relaxation": "hard-concrete", "edge": "sparse", "objective": "path-depth", "derivation": "best-pairs"},
)
DIRICHLET = Variant(
    "drnas",
    "gates drawn from a Dirichlet distribution",
    "DrNAS (Chen et al., ICLR 2021)",
    {"relaxation": "dirichlet"},
)
CROSSES = (
    (PROGRESSIVE,),
    (GUMBEL,),
    (MERGED,),
    (AUXILIARY,),
    (PARTIAL,),
    (SGAS,),
    (PERTURBED,),
    (FAIR,),
    (HARD_CONCRETE,),
    (DIRICHLET,),
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
    "sgas-darts-1st": "sgas-1",
}
"""Crosses that have a name of their own in the papers; both names are understood."""


def crosses(bases: Sequence[str] = BASES) -> dict[str, Composition]:
    """Every base method under every combination of variants."""
    return crosses_of({base: zarts.METHODS[base] for base in bases})


def crosses_of(bases: Mapping[str, Composition]) -> dict[str, Composition]:
    """Each of these methods under every combination of variants."""
    found = {}
    for variants in CROSSES:
        for base, composition in bases.items():
            for variant in variants:
                composition = variant.of(composition)
            summary = f"{base}, {', '.join(variant.summary for variant in variants)}"
            name = "-".join([*(variant.prefix for variant in variants), base])
            found[ALIASES.get(name, name)] = replace(composition, summary=summary)
    return found
