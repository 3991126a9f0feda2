"""The numbers that the paper's tables print, as they are printed: one CSV a table, and where each of them stands."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

PAPER = "Wang et al., ZARTS: On Zero-order Optimization for Neural Architecture Search, NeurIPS 2022"

SOURCES = {
    "table2": "main paper, Table 2",
    "table3_cifar10": "main paper, Table 3, left",
    "table3_cifar100": "main paper, Table 3, right",
    "table4": "main paper, Table 4",
    "table5": "main paper, Table 5",
    "supp_table1": "supplement, Table 1",
    "supp_table2_best": "supplement, Table 2, left",
    "supp_table2_avg": "supplement, Table 2, right",
    "supp_table3": "supplement, Table 3",
    "supp_table4": "supplement, Table 4",
}


def load(name: str) -> pd.DataFrame:
    """The rows of one CSV: method, space, dataset, metric, value, std, note. All are strings, as printed: "3.00"; what
    is absent is empty. The note says what a value is (best of 4, ...) and whose."""
    with (files(__name__) / f"{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)
