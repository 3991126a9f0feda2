"""A NAS-Bench-201 cell as six numbers, one operation for each edge, in the orders of two libraries.

* `naslib:(2, 0, 4, 2, 1, 0)`: NASLib's op indices. The edges are ordered by the state that they read, then by the one
  they lead to; the operations are skip, none, 3x3, 1x1, pooling (NASLib search_spaces/nasbench201/conversions.py).
* `nats:(3, 0, 4, 1, 2, 1)`: the operations in NATS-Bench's order, which is NAS-Bench-201's, and the edges as in its
  string (AutoDL-Projects xautodl/models/cell_operations.py:95).

Six numbers alone could be either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from harness.core.genotype import NB201_NODES, NB201_OPERATIONS, Cell, Genotype
from harness.notations.nb201 import check
from harness.notations.notation import Notation

STRING_EDGES = tuple((source, target) for target in range(1, NB201_NODES + 1) for source in range(target))
NASLIB_EDGES = tuple(sorted(STRING_EDGES))
NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")

Edges = Sequence[tuple[int, int]]
"""(source, target) each."""


def _read(text: str, operations: Sequence[str], edges: Edges) -> Genotype:
    numbers = re.fullmatch(r"\s*[\[(]?\s*((?:\d\s*[,\s]\s*){5}\d)\s*,?\s*[\])]?\s*", text.partition(":")[2])
    places = [int(digit) for digit in re.findall(r"\d", numbers[1])] if numbers else []
    if not numbers or max(places) >= len(operations):
        raise ValueError(f"expected {len(edges)} numbers from 0 to {len(operations) - 1}")
    chosen = dict(zip(edges, (operations[place] for place in places), strict=True))
    nodes = tuple(
        tuple((chosen[source, target], source) for source in range(target)) for target in range(1, NB201_NODES + 1)
    )
    return Genotype((("cell", Cell(1, nodes, (NB201_NODES,))),))


def _write(genotype: Genotype, prefix: str, operations: Sequence[str], edges: Edges) -> str:
    check(genotype)
    nodes = genotype["cell"].nodes
    places = (operations.index(nodes[target - 1][source][0]) for source, target in edges)
    return f"{prefix}:({', '.join(map(str, places))})"


def _either(text: str) -> Genotype:
    raise ValueError("numbers alone are NASLib's op indices or NATS-Bench's; write naslib:(...) or nats:(...)")


NASLIB = Notation(
    "naslib",
    "NASLib's op indices",
    "naslib:(2, 0, 4, 2, 1, 0)",
    re.compile(r"(?i)naslib\s*:"),
    ("naslib",),
    partial(_read, operations=NASLIB_OPERATIONS, edges=NASLIB_EDGES),
    partial(_write, prefix="naslib", operations=NASLIB_OPERATIONS, edges=NASLIB_EDGES),
)
NATS = Notation(
    "nats",
    "NATS-Bench's op indices",
    "nats:(3, 0, 4, 1, 2, 1)",
    re.compile(r"(?i)nats\s*:"),
    ("nats:",),
    partial(_read, operations=NB201_OPERATIONS, edges=STRING_EDGES),
    partial(_write, prefix="nats", operations=NB201_OPERATIONS, edges=STRING_EDGES),
)
NUMBERS = Notation(
    "numbers", "op indices", "(2, 0, 4, 2, 1, 0)", re.compile(r"[\[(]?\s*\d+\s*,"), ("op_indices",), _either
)
