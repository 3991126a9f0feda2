"""A cell of NAS-Bench-201 by its number, `nb201:6111`. The numbers are the benchmark's own, in no order that can be
computed: only the imported table knows them.
"""

from __future__ import annotations

import re

from harness.core.genotype import Genotype
from harness.notations.notation import Notation

PREFIX = re.compile(r"(?i)(?:nb201|nasbench201|nas-bench-201)\s*:\s*")


def _read(text: str) -> Genotype:
    from harness.tables.nasbench201 import open_table

    number = PREFIX.sub("", text, count=1)
    if not re.fullmatch(r"\d{1,9}", number):
        raise ValueError("the number of a cell follows the colon")
    return open_table().cell(int(number))


INDEX = Notation("index", "the number of a NAS-Bench-201 cell", "nb201:6111", PREFIX, (), _read)
