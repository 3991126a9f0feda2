"""DARTS' cells with five operations on every edge."""

from spaces.cells import Edge
from spaces.darts.space import DartsSpace
from spaces.darts.topology import PAIRS
from spaces.space import Final

OPERATIONS_OF_AN_EDGE = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_3x3")
CELL = tuple(Edge(source, target, OPERATIONS_OF_AN_EDGE) for source, target in PAIRS)

FIVE_OPERATIONS = DartsSpace(
    "five-operations",
    "5 operations on 14 edges: DARTS' seven without the larger kernels",
    "DARTS, section 3.1, reduced",
    {"normal": CELL, "reduce": CELL},
    Final(channels=36, cells=20),
)
