"""NAS-Bench-201's string, with blanks wherever they are, and as AutoDL-Projects prints it:
`Structure(4 nodes with |nor_conv_3x3~0|+|...|)`.
"""

from __future__ import annotations

import re

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype, from_nb201, to_nb201
from harness.notations.notation import Notation

PRINTED = re.compile(r"\w*Structure\s*\(\s*\d+\s+nodes\s+with\s+(.*)\)\s*", re.DOTALL)


def _read(text: str) -> Genotype:
    printed = PRINTED.fullmatch(text)
    return from_nb201(re.sub(r"\s", "", printed[1] if printed else text))


def check(genotype: Genotype) -> None:
    """Raises HarnessError for a cell of another family."""
    if genotype.family != "nasbench201":
        raise HarnessError(
            "a cell of the DARTS family has two inputs and other operations; a notation of NAS-Bench-201 cannot say it."
        )


def _write(genotype: Genotype) -> str:
    check(genotype)
    return to_nb201(genotype)


NB201 = Notation(
    "nb201",
    "a NAS-Bench-201 string",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|none~1|skip_connect~2|",
    re.compile(r"\||\w*Structure\s*\(\s*\d+\s+nodes", re.DOTALL),
    ("~", "nodes with"),
    _read,
    _write,
)
