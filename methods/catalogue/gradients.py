"""What others made of the gradients of DARTS, alpha's and those of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from methods.catalogue.zarts import METHODS as BASE
from methods.composition import Composition

AMENDED_DARTS = replace(
    BASE["darts-1st"],
    summary="darts-1st, its gradient amended by what the weights answer to alpha",
    source="Amended-DARTS (Bi et al., 2019), from memory, unchecked",
    lookahead="amended",
    on={},  # the order of DARTS-V1's code on NAS-Bench-201 is not its own (choice)
)

OLES = replace(
    BASE["darts-1st"],
    summary="darts-1st, operations no longer trained once their training and validation gradients part",
    source="OLES (Jiang et al., NeurIPS 2023); confopt searchspace/common/base_search.py",
    freezing="diverging-gradients",
    on={},
)

METHODS: Mapping[str, Composition] = {
    "amended-darts": AMENDED_DARTS,
    "oles": OLES,
}
