"""The spaces of the DARTS family: 7 operations, the original 8, and the reduced spaces S1-S4 of R-DARTS.

Sources: ZARTS supplement, section 2.1; DARTS model_search.py; R-DARTS spaces.py:6-77.
"""

from __future__ import annotations

from collections.abc import Mapping

from spaces.cells import Edge
from spaces.darts.space import DartsSpace
from spaces.darts.topology import PAIRS
from spaces.space import Final

SEVEN = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")
SHORT = {
    "sk": "skip_connect",
    "mp": "max_pool_3x3",
    "ap": "avg_pool_3x3",
    "s3": "sep_conv_3x3",
    "d3": "dil_conv_3x3",
    "d5": "dil_conv_5x5",
}
S1_NORMAL = "sk,d3 sk,d5 sk,d5 sk,s3 sk,d3 mp,sk sk,s3 sk,s3 sk,d3 sk,s3 mp,sk sk,d3 d3,d5 d3,d5"
S1_REDUCE = "mp,ap mp,d3 mp,ap mp,ap sk,d5 mp,ap mp,s3 sk,d3 sk,d5 mp,ap mp,ap sk,d5 sk,d5 sk,d5"


def _uniform(operations: tuple[str, ...]) -> Mapping[str, tuple[Edge, ...]]:
    edges = tuple(Edge(source, target, operations) for source, target in PAIRS)
    return {"normal": edges, "reduce": edges}


def _table(row: str) -> tuple[Edge, ...]:
    choices = [tuple(SHORT[code] for code in pair.split(",")) for pair in row.split()]
    return tuple(Edge(source, target, ops) for (source, target), ops in zip(PAIRS, choices, strict=True))


_FINAL = Final(channels=36, cells=20)
_REDUCED = {"sigma": 0.2}
"""Only one script for S1-S4 is released (S4, SVHN); its sigma is taken for all four (choice)."""

DARTS = DartsSpace(
    "darts", "7 operations on 14 edges, normal and reduction cells", "ZARTS supplement 2.1", _uniform(SEVEN), _FINAL
)
DARTS_NONE = DartsSpace(
    "darts-none", "the original 8 operations, `none` included", "DARTS, section 3.1", _uniform(("none", *SEVEN)), _FINAL
)
S1 = DartsSpace(
    "s1",
    "two operations per edge, chosen edge by edge",
    "R-DARTS, section 3",
    {"normal": _table(S1_NORMAL), "reduce": _table(S1_REDUCE)},
    _FINAL,
    _REDUCED,
)
S2 = DartsSpace(
    "s2",
    "skip or 3x3 separable convolution",
    "R-DARTS, section 3",
    _uniform(("skip_connect", "sep_conv_3x3")),
    _FINAL,
    _REDUCED,
)
S3 = DartsSpace(
    "s3",
    "none, skip or 3x3 separable convolution",
    "R-DARTS, section 3",
    _uniform(("none", "skip_connect", "sep_conv_3x3")),
    _FINAL,
    _REDUCED,
)
S4 = DartsSpace(
    "s4",
    "noise or 3x3 separable convolution",
    "R-DARTS, section 3",
    _uniform(("noise", "sep_conv_3x3")),
    _FINAL,
    _REDUCED,
)
