"""The lists and tuples of AutoDL-Projects' CellStructure, one for each node of a NAS-Bench-201 cell:
`[(('nor_conv_3x3', 0),), (('nor_conv_3x3', 0), ('none', 1)), (...)]` (xautodl/models/cell_searchs/genotypes.py).
"""

from __future__ import annotations

import ast
import re
from typing import Any

from harness.core.errors import quoted
from harness.core.genotype import INPUTS, Genotype, from_json
from harness.notations import literals
from harness.notations.notation import Notation


def _read(text: str) -> Genotype:
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.Call) and literals.called(node).endswith("Structure") and len(node.args) == 1:
        node = node.args[0]
    nodes = literals.value(node)
    if not isinstance(nodes, list):
        raise ValueError("expected a list with the edges of each node")
    cell = {"inputs": INPUTS["cell"], "nodes": [_in_order(edges) for edges in nodes], "concat": [len(nodes)]}
    return from_json({"cell": cell})


def _in_order(edges: Any) -> list[Any]:
    """A node's edges by the state that they read, as `CellStructure.tolist` has them."""
    if not isinstance(edges, list) or not all(_edge(edge) for edge in edges):
        raise ValueError(f"{quoted(edges)} is not the list of a node's edges, ('nor_conv_3x3', 0) each")
    return sorted(edges, key=lambda edge: edge[1])


def _edge(edge: Any) -> bool:
    return isinstance(edge, list) and len(edge) == 2 and isinstance(edge[0], str) and type(edge[1]) is int


AUTODL = Notation(
    "autodl",
    "the tuples of AutoDL-Projects' CellStructure",
    "[(('nor_conv_3x3', 0),), (('nor_conv_3x3', 0), ('none', 1)), (('none', 0), ('none', 1), ('skip_connect', 2))]",
    re.compile(r"(?:(?:\w+\.)*\w*Structure\s*\(\s*)?[\[(]\s*[\[(]"),
    ("Structure",),
    _read,
)
