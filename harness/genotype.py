"""Genotypes: the discrete cells that a search returns, and the three notations in which papers write them.

* JSON, for any space: `{"normal": {"inputs": 2, "nodes": [[["sep_conv_3x3", 1], ["skip_connect", 0]], ...],
  "concat": [2, 3, 4, 5]}, "reduce": {...}}`
* the literal of the DARTS code: `Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), ...)`
* the string of NAS-Bench-201: `|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|...|`

Each is read and written without loss; `parse` tells them apart.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError

Edge = tuple[str, int]
"""An operation and the state it reads: ("sep_conv_3x3", 0)."""

FORMS = "JSON, a DARTS Genotype(...) literal or a NAS-Bench-201 string"
NB201_NODES = 3
KINDS = (("normal", "reduce"), ("cell",))
PARAMETERLESS = ("max_pool_3x3", "avg_pool_3x3", "skip_connect")


@dataclass(frozen=True)
class Cell:
    """A directed acyclic graph. States 0..inputs-1 are the cell's inputs; `nodes[i]` lists the edges into state
    inputs+i in the order of the notation; `concat` lists the states that form the output."""

    inputs: int
    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]

    def __post_init__(self) -> None:
        states = self.inputs + len(self.nodes)
        for state, edges in enumerate(self.nodes, start=self.inputs):
            if not edges:
                raise HarnessError(f"genotype: state {state} has no edge.")
            for operation, source in edges:
                if not 0 <= source < state:
                    raise HarnessError(
                        f"genotype: {operation!r} into state {state} reads state {source}; "
                        f"an edge comes from an earlier state, 0 to {state - 1}."
                    )
        if not self.concat or any(not 0 <= c < states for c in self.concat):
            raise HarnessError(f"genotype: concat {list(self.concat)} must name states 0 to {states - 1}.")

    @property
    def edges(self) -> tuple[Edge, ...]:
        return tuple(edge for node in self.nodes for edge in node)

    def count(self, *operations: str) -> int:
        """How many of the chosen edges carry one of these operations."""
        return sum(operation in operations for operation, _ in self.edges)


@dataclass(frozen=True)
class Genotype:
    """The cells of a network by kind: ("normal", "reduce") in the DARTS family, ("cell",) in NAS-Bench-201."""

    cells: tuple[tuple[str, Cell], ...]

    def __post_init__(self) -> None:
        if self.kinds not in KINDS:
            raise HarnessError(
                f"genotype: cells {list(self.kinds)} are of no known family; expected normal and reduce, or cell."
            )

    def __getitem__(self, kind: str) -> Cell:
        return dict(self.cells)[kind]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind, _ in self.cells)

    @property
    def family(self) -> str:
        """ "nasbench201" for its single-input cell, else "darts"."""
        return "nasbench201" if self.kinds == ("cell",) else "darts"

    def to_json(self) -> dict[str, Any]:
        return {
            kind: {
                "inputs": cell.inputs,
                "nodes": [[list(edge) for edge in node] for node in cell.nodes],
                "concat": list(cell.concat),
            }
            for kind, cell in self.cells
        }

    def __str__(self) -> str:
        """The notation in which papers print a cell of this family."""
        return to_nb201(self) if self.family == "nasbench201" else to_darts(self)


def parse(text: str) -> Genotype:
    """Reads any of the three notations. Raises HarnessError for anything else."""
    text = text.strip()
    try:
        if text.startswith("{"):
            return from_json(json.loads(text))
        if text.startswith("|"):
            return from_nb201(text)
        if text.startswith("Genotype"):
            return from_darts(text)
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError, RecursionError) as error:
        raise HarnessError(f"genotype {_short(text)} cannot be read: {error}. Give {FORMS}.") from None
    raise HarnessError(f"{_short(text)} is not a genotype. Give {FORMS}.")


def looks_like(text: str) -> bool:
    """Whether a command-line argument means a genotype rather than a name."""
    return text.strip().startswith(("{", "|", "Genotype"))


def from_json(data: Mapping[str, Any]) -> Genotype:
    return Genotype(
        tuple(
            (
                kind,
                Cell(
                    int(cell["inputs"]),
                    tuple(tuple((str(op), int(source)) for op, source in node) for node in cell["nodes"]),
                    tuple(int(state) for state in cell["concat"]),
                ),
            )
            for kind, cell in data.items()
        )
    )


def to_darts(genotype: Genotype) -> str:
    """`Genotype(normal=[...], normal_concat=[2, 3, 4, 5], reduce=[...], reduce_concat=[2, 3, 4, 5])`."""
    parts = []
    for kind, cell in genotype.cells:
        if any(len(node) != 2 for node in cell.nodes):
            raise HarnessError(f"the {kind} cell has nodes without exactly two edges; the DARTS literal cannot say so.")
        parts.append(f"{kind}={list(cell.edges)}, {kind}_concat={list(cell.concat)}")
    return f"Genotype({', '.join(parts)})"


def from_darts(text: str) -> Genotype:
    call = ast.parse(text.strip(), mode="eval").body
    if not isinstance(call, ast.Call) or call.args:
        raise ValueError("expected Genotype(normal=..., normal_concat=..., reduce=..., reduce_concat=...)")
    fields = {keyword.arg: keyword.value for keyword in call.keywords}
    cells = []
    for kind in ("normal", "reduce"):
        pairs = [(str(op), int(source)) for op, source in ast.literal_eval(fields[kind])]
        if len(pairs) % 2:
            raise ValueError(f"{kind} lists {len(pairs)} edges, and every node takes two")
        nodes = tuple(zip(pairs[::2], pairs[1::2], strict=True))
        cells.append((kind, Cell(2, nodes, _concat(fields[f"{kind}_concat"]))))
    return Genotype(tuple(cells))


def to_nb201(genotype: Genotype) -> str:
    nodes = genotype["cell"].nodes
    return "+".join("|" + "".join(f"{op}~{source}|" for op, source in node) for node in nodes)


def from_nb201(text: str) -> Genotype:
    nodes = []
    for state, group in enumerate(text.strip().split("+"), start=1):
        if not (group.startswith("|") and group.endswith("|")):
            raise ValueError(f"node {state} must start and end with '|'")
        edges = [item.rsplit("~", 1) for item in group[1:-1].split("|")]
        node = tuple((op, int(source)) for op, source in edges)
        if [source for _, source in node] != list(range(state)):
            raise ValueError(f"node {state} must read the states 0 to {state - 1} in order")
        nodes.append(node)
    if len(nodes) != NB201_NODES:
        raise ValueError(f"a NAS-Bench-201 cell has {NB201_NODES} nodes, this string has {len(nodes)}")
    return Genotype((("cell", Cell(1, tuple(nodes), (NB201_NODES,))),))


def _concat(node: ast.expr) -> tuple[int, ...]:
    """`[2, 3, 4, 5]` or `range(2, 6)`, both seen in published genotypes."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return tuple(range(*(int(ast.literal_eval(argument)) for argument in node.args)))
    return tuple(int(state) for state in ast.literal_eval(node))


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
