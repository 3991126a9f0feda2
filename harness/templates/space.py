"""A space: DARTS' cells with candidates of its own on every edge.

harness run --plugin example_name.py --method zarts-mgs --space example-name --dataset digits --protocol smoke
"""

from spaces.cells import Edge
from spaces.darts.space import DartsSpace
from spaces.darts.topology import PAIRS
from spaces.space import Final

CANDIDATES = ("skip_connect", "avg_pool_3x3", "sep_conv_3x3", "dil_conv_3x3")
"""By the names of `spaces.operations`; a mapping OPERATIONS in this file can add others."""

CELL = tuple(Edge(source, target, CANDIDATES) for source, target in PAIRS)

SPACES = {
    "example-name": DartsSpace(
        name="example-name",
        summary="four operations on 14 edges, normal and reduction cells",
        source="(where it comes from)",
        cells={"normal": CELL, "reduce": CELL},
        final=Final(channels=36, cells=20),  # the size at which parameters are quoted
        settings={"sigma": 0.1},  # what experiments on it set differently from a method's defaults
    )
}
