"""The literal of the DARTS code, and what its successors made of it.

* `Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=[...])`
* the same as a dictionary, in Python or JSON
* edges with a weight, `('sep_conv_3x3', 1, 0.13)`, which is dropped (GDAS, AutoDL-Projects)
* edges of one node in a list of their own, any number of them (AutoDL-Projects search_model_gdas_nasnet.py)
* edges with the state that they lead to, `('sep_conv_3x3', 2, 1)`: into 2, from 1 (FairDARTS fairdarts/genotypes.py)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.core.errors import quoted
from harness.core.genotype import INPUTS, Genotype, from_json, to_darts
from harness.notations import literals
from harness.notations.notation import Notation

CELLS = ("normal", "reduce")
FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


def _read(text: str) -> Genotype:
    fields = _fields(ast.parse(text, mode="eval").body)
    return from_json({kind: _cell(kind, fields[kind], fields[f"{kind}_concat"]) for kind in CELLS})


def _fields(node: ast.expr) -> Mapping[str, Any]:
    """The four fields by name, from a call or a dictionary."""
    if literals.called(node) == "Genotype" and isinstance(node, ast.Call) and not node.args:
        fields = {str(keyword.arg): literals.value(keyword.value) for keyword in node.keywords}
    else:
        fields = literals.value(node) if isinstance(node, ast.Dict) else {}
    if set(fields) != set(FIELDS):
        raise ValueError(f"expected Genotype({', '.join(f'{field}=...' for field in FIELDS)})")
    return fields


def _cell(kind: str, edges: Any, concat: Any) -> dict[str, Any]:
    """The cell as in JSON."""
    if not isinstance(edges, list):
        raise ValueError(f"{kind}'s edges must be a list, not {quoted(edges)}")
    return {"inputs": INPUTS[kind], "nodes": _nodes(kind, edges, concat), "concat": concat}


def _nodes(kind: str, edges: list[Any], concat: Any) -> list[list[Any]]:
    if edges and all(_leads(edge) for edge in edges):
        return _by_target(kind, edges, concat)
    if any(isinstance(node, list) and all(isinstance(edge, list) for edge in node) for node in edges):
        return [[_unweighted(kind, edge) for edge in node] for node in _lists(kind, edges)]
    if len(edges) % 2:
        raise ValueError(f"{kind} lists {len(edges)} edges, and every node takes two")
    flat = [_unweighted(kind, edge) for edge in edges]
    return [list(pair) for pair in zip(flat[::2], flat[1::2], strict=True)]


def _leads(edge: Any) -> bool:
    """Whether an edge names the state that it leads to."""
    return isinstance(edge, list) and len(edge) == 3 and all(type(state) is int for state in edge[1:])


def _by_target(kind: str, edges: Sequence[Any], concat: Any) -> list[list[Any]]:
    """The edges of each node, as many nodes as are named anywhere."""
    first = INPUTS[kind]
    named = [state for state in concat if type(state) is int] if isinstance(concat, list) else []
    last = max([target for _, target, _ in edges] + named)
    for operation, target, _ in edges:
        if target < first:
            raise ValueError(f"{quoted(operation)} in {kind} leads into state {target}, which is an input")
    if last > len(edges) + len(named) + first:
        raise ValueError(f"{kind} names state {quoted(last)}, and has few edges")
    return [
        [[operation, source] for operation, target, source in edges if target == state]
        for state in range(first, last + 1)
    ]


def _lists(kind: str, nodes: Sequence[Any]) -> list[list[Any]]:
    for node in nodes:
        if not isinstance(node, list):
            raise ValueError(f"{quoted(node)} in {kind} is not the list of a node's edges")
    return list(nodes)


def _unweighted(kind: str, edge: Any) -> Any:
    """The edge without the weight that it may carry."""
    weighted = isinstance(edge, list) and len(edge) == 3 and isinstance(edge[2], float)
    return edge[:2] if weighted else edge


DARTS = Notation(
    "darts",
    "a DARTS Genotype(...) literal",
    "Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=[2, 3, 4, 5], reduce=[...], reduce_concat=[...])",
    re.compile(r"(?:\w+\.)*Genotype\s*\(|\{.*?['\"]normal_concat['\"]", re.DOTALL),
    ("Genotype", "normal", "reduce"),
    _read,
    to_darts,
)
