"""What NNI exports of its DARTS space: `{"normal/op_2_0": "sep_conv_3x3", "normal/input_2_0": 0, ...}`, JSON or Python.

`KIND/op_STATE_N` is the operation of the Nth edge into a state and `KIND/input_STATE_N` what it reads, a number or a
list of one; all nodes form the output. What has no slash, `width` and `depth`, is the network's and not the cell's
(nni/nas/hub/pytorch/nasnet.py).
"""

from __future__ import annotations

import re
from typing import Any

from harness.core.errors import quoted
from harness.core.genotype import INPUTS, MOST_STATES, Genotype, from_json
from harness.notations import literals
from harness.notations.notation import Notation

KEY = re.compile(r"(normal|reduce)/(op|input)_(\d{1,3})_(\d{1,3})")


def _read(text: str) -> Genotype:
    found: dict[str, dict[tuple[int, int], dict[str, Any]]] = {"normal": {}, "reduce": {}}
    for key, value in literals.evaluate(text).items():
        parts = KEY.fullmatch(str(key))
        if parts:
            found[parts[1]].setdefault((int(parts[3]), int(parts[4])), {})[parts[2]] = value
        elif "/" in str(key):
            raise ValueError(f"{quoted(key)} is neither KIND/op_STATE_N nor KIND/input_STATE_N")
    return from_json({kind: _cell(kind, edges) for kind, edges in found.items()})


def _cell(kind: str, edges: dict[tuple[int, int], dict[str, Any]]) -> dict[str, Any]:
    """The cell as in JSON."""
    first = INPUTS[kind]
    last = max((state for state, _ in edges), default=first)
    if not all(first <= state < MOST_STATES for state, _ in edges):
        raise ValueError(f"{kind}'s nodes are numbered from {first} on")
    nodes: list[list[Any]] = [[] for _ in range(first, last + 1)]
    for (state, number), edge in sorted(edges.items()):
        if set(edge) != {"op", "input"}:
            raise ValueError(f"{kind}'s edge {number} into state {state} must have both an op and an input")
        nodes[state - first].append([edge["op"], _alone(edge["input"])])
    return {"inputs": first, "nodes": nodes, "concat": list(range(first, last + 1))}


def _alone(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


NNI = Notation(
    "nni",
    "what NNI exports of its DARTS space",
    '{"normal/op_2_0": "sep_conv_3x3", "normal/input_2_0": 0, ...}',
    re.compile(r"\{.*?['\"](?:normal|reduce)/(?:op|input)_", re.DOTALL),
    ("/op_", "/input_"),
    _read,
)
