"""The paper's tables as data: how the rows of a published CSV are laid out, and which runs reproduce each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

ALIASES = {
    "DARTS(1st)": "darts-1st",
    "DARTS(2nd)": "darts-2nd",
    "DARTS-V1": "darts-1st",
    "DARTS-V2": "darts-2nd",
    "DARTS-": "darts-minus",
    "R-DARTS(DP)": "r-darts-dp",
    "R-DARTS(L2)": "r-darts-l2",
    "SGAS(Cri.2)": "sgas-2",
    "FairDARTS-B": "fair-darts",
    "ProxylessNAS": "proxyless",
    "ROME": "rome-v2",
    "ZARTS": "zarts-mgs",
    "MergeNAS(1st)": "mergenas-1st",
    "MergeNAS(2nd)": "mergenas-2nd",
}
"""Where a method is not called by the lower-case form of what the tables call it."""

SPACES = {"NAS-Bench-201": "nasbench201", "other": ""}
PAPER_VALUES = {"epochs": 50, "samples": 4, "finetune_steps": 10}
"""Of two configurations of a method, the one with these settings is the tables' (supplement, 2.2)."""
PAPER_PROTOCOL = "paper"
PAPER_GPU = "2080 ?Ti"
"""A pattern: all costs are of a single NVIDIA 2080Ti (main paper, checklist 3d)."""


@dataclass(frozen=True)
class Metric:
    """A column: what it is called, how many decimals it is shown with at least, whether less is better."""

    title: str
    decimals: int
    lower_is_better: bool = True

    @property
    def heading(self) -> str:
        return f"{self.title} {'↓' if self.lower_is_better else '↑'}"


METRICS = {
    "flops_M": Metric("FLOPs (M)", 0),
    "params_M": Metric("Params (M)", 1),
    "test_error_pct": Metric("Error (%)", 2),
    "top1_error_pct": Metric("Top-1 err. (%)", 1),
    "search_cost_gpu_days": Metric("Cost (GPU-days)", 1),
    "search_memory_GB": Metric("Memory (GB)", 1),
    "valid_accuracy_pct": Metric("valid (%)", 2, lower_is_better=False),
    "test_accuracy_pct": Metric("test (%)", 2, lower_is_better=False),
}


@dataclass(frozen=True)
class Layout:
    """One table. `rows` and `columns` name the keys that label them, of: method, space, dataset, metric, statistic."""

    csv: str
    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    marks: int = 0
    """What the paper marks in a row: 1 the best, 2 the best and the second best."""
    sizes: Mapping[str, str] = field(default_factory=dict)
    """ "cells x channels" of the evaluated network by "dataset space", "dataset" or "" for all."""
    part: str = ""
    """Only the CSV's rows whose note has this word."""
    methods: Mapping[str, str] = field(default_factory=dict)
    """What a label stands for in this table alone."""
    search_dataset: str = ""
    """What was searched on, where it is not what the column is about."""
    notes: tuple[str, ...] = ()

    def size(self, dataset: str, space: str) -> str | None:
        return self.sizes.get(f"{dataset} {space}") or self.sizes.get(dataset) or self.sizes.get("")

    def keeps(self, note: str) -> bool:
        """Numbers that stand in the text, or nowhere, are no part of a table; they are in its notes."""
        return self.part in note and "text" not in note.split(";")[0] and not note.startswith("UNSURE")


def search_of(label: str, methods: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The method that a table's label stands for, and settings that are part of the label: ZARTS-MGS(N=2;M=10) is
    zarts-mgs with samples=2 and finetune_steps=10."""
    swept = re.fullmatch(r"(.+)\(N=(\d+);M=(\d+)\)", label)
    if swept:
        return search_of(swept[1], methods)[0], {"samples": swept[2], "finetune_steps": swept[3]}
    name = re.sub(r"-(best|avg)$|\([\d.]+M params\)$", "", label)
    return {**ALIASES, **methods}.get(name, name.lower()), {}


CELLS_20_36 = {"": "20x36"}
BEST_IS_SELECTED = (
    "The best of four is selected by test error. R-DARTS and SDARTS select by validation after a short re-training, so "
    "their columns are not of the same kind."
)
SPREAD = (
    "The paper's standard deviations are of the population (n in the denominator): CIFAR-10/S3/MGS and Table 3's "
    "CIFAR-100 exceed what n - 1 allows for four values. Measured ones are of the population, too."
)
LAST_OR_BEST = (
    "The released code returns the best test error of all 600 epochs, R-DARTS and DARTS report the last epoch's; the "
    "paper does not say. Measured values are of one kind throughout, named above (`--epoch`)."
)
TABLE2_SIZES = (
    "Network sizes (cells x channels): CIFAR-100 and SVHN 8x16; CIFAR-10 S1 and S3 20x36; CIFAR-10 S2 and S4 20x16, "
    "which is inferred from their distance to supplement, Table 2, and stated nowhere."
)
PC_DARTS_IS_SMOOTHDARTS = (
    "PC-DARTS was run by the authors of SDARTS, under DARTS's settings and without weights on the edges: here it is "
    "pc-darts-1st."
)
IMPOSSIBLE = (
    "CIFAR-10/S1/GLD: a best of 2.50 and a mean of 2.73±0.07 cannot be of the same four runs, for no value of four "
    "lies further than sqrt(3) population standard deviations from their mean; 2.50 lies 3.3 away."
)
LABELS_LOST = (
    "Labels of CIFAR-10, SVHN and of some rows S2 were lost in the source and restored from the order of rows."
)
SAME_VALUES = "N=4, M=10 shows the mean and deviation of Table 3, one as of three seeds, the other as of four."
FLOPS = (
    "Published FLOPs mix conventions (multiply-adds, with or without batch norm and ReLU); measured are multiply-adds "
    "of convolutions and linear layers, so no verdict is given."
)
COST = (
    "Cost is wall time of the search, without validation and loading. The paper's is of one NVIDIA 2080Ti; a verdict "
    "is given on that GPU only, and CPU time is called CPU-days. 1 GB is 10^9 bytes."
)

TABLES: dict[str, tuple[Layout, ...]] = {
    "table2": (
        Layout(
            "table2",
            "Test error (%) on S1-S4",
            ("dataset", "space"),
            ("method",),
            marks=2,
            methods={"DARTS": "darts-2nd"},
            sizes={"CIFAR-10 S2": "20x16", "CIFAR-10 S4": "20x16", "CIFAR-10": "20x36", "": "8x16"},
            notes=("DARTS is of second order, as in R-DARTS.", BEST_IS_SELECTED, TABLE2_SIZES, LAST_OR_BEST),
        ),
    ),
    "table3": tuple(
        Layout(
            csv,
            f"Performance on {dataset}, DARTS's space",
            ("statistic", "method"),
            ("metric",),
            methods={"DARTS": "darts-1st", "R-DARTS": "r-darts-l2"},
            sizes=CELLS_20_36,
            notes=(
                "R-DARTS is R-DARTS(L2) here, as in SDARTS's table of the same numbers (from memory, unchecked).",
                "Top: the best of four; bottom: the mean of four. Bests from other papers are selected in other ways.",
                SPREAD,
                LAST_OR_BEST,
                COST,
                *more,
            ),
        )
        for csv, dataset, more in (
            (
                "table3_cifar10",
                "CIFAR-10",
                ("DARTS(1st), average: as reported by Yu et al., Evaluating the Search Phase of NAS.",),
            ),
            (
                "table3_cifar100",
                "CIFAR-100",
                (
                    "AmoebaNet, PNAS, ENAS, GDAS: as reported by GDAS.",
                    "DARTS and R-DARTS, average: as reported by R-DARTS.",
                ),
            ),
        )
    ),
    "table4": (
        Layout(
            "table4",
            "ImageNet, cells transferred from CIFAR-10",
            ("method",),
            ("metric",),
            sizes={"": "14x48"},
            search_dataset="CIFAR-10",
            notes=(FLOPS, COST, "Each measured network stands in the row of the ZARTS cell whose size is nearer."),
        ),
    ),
    "table5": (
        Layout(
            "table5",
            "Variants of ZARTS on CIFAR-10",
            ("method",),
            ("metric",),
            sizes=CELLS_20_36,
            notes=(
                "DARTS, GDAS and P-DARTS: the best, MergeNAS: the average, each from its paper: not comparable.",
                SPREAD,
                LAST_OR_BEST,
                COST,
                "Without the cap on skips P-ZARTS has 97.20 % and P-DARTS 96.48 % accuracy (supplement, 2.6).",
                "ZARTS-GLD costs 2.2 GPU-days (main paper, 5.1).",
            ),
        ),
    ),
    "supp-table1": tuple(
        Layout(
            "supp_table1",
            f"Ablation over {name} ({symbol}), {fixed}",
            ("metric",),
            ("method",),
            sizes=CELLS_20_36,
            part=part,
            notes=(SPREAD, SAME_VALUES, COST, *more),
        )
        for part, name, symbol, fixed, more in (
            (
                "left half",
                "the number of samples",
                "N",
                "M=10",
                ("The text gives a further network of 4.26 M parameters for a larger N, which is not in the table.",),
            ),
            ("right half", "the number of fine-tuning steps", "M", "N=4", ()),
        )
    ),
    "supp-table2": (
        Layout(
            "supp_table2_best",
            "Test error (%) on S1-S4 with networks of 20 cells and 36 channels, best of four",
            ("dataset", "space"),
            ("method",),
            marks=2,
            methods={"PC-DARTS": "pc-darts-1st"},
            sizes=CELLS_20_36,
            notes=(BEST_IS_SELECTED, PC_DARTS_IS_SMOOTHDARTS, LAST_OR_BEST, IMPOSSIBLE, LABELS_LOST),
        ),
        Layout(
            "supp_table2_avg",
            "Test error (%) on S1-S4 with networks of 20 cells and 36 channels, mean and std of four",
            ("dataset", "space"),
            ("method",),
            marks=1,
            methods={"PC-DARTS": "pc-darts-1st"},
            sizes=CELLS_20_36,
            notes=(SPREAD, PC_DARTS_IS_SMOOTHDARTS, LAST_OR_BEST, IMPOSSIBLE, LABELS_LOST),
        ),
    ),
    "supp-table3": (
        Layout(
            "supp_table3",
            "Searches on ImageNet itself",
            ("method",),
            ("metric",),
            sizes={"": "14x48"},
            notes=(COST,),
        ),
    ),
    "supp-table4": (
        Layout(
            "supp_table4",
            "NAS-Bench-201, accuracy (%)",
            ("method",),
            ("dataset", "metric"),
            search_dataset="CIFAR-10",
            notes=(
                "One search on CIFAR-10; its cell is looked up on all data sets (200 epochs, mean over seeds).",
                "ResNet and Optimal are no searches.",
                SPREAD,
            ),
        ),
    ),
}
