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
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.core.errors import HarnessError, quoted, visible

Edge = tuple[str, int]
"""An operation and the state it reads: ("sep_conv_3x3", 0)."""

FORMS = "JSON, a DARTS Genotype(...) literal or a NAS-Bench-201 string"
NB201_NODES = 3
NB201_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""In the benchmark's order (AutoDL-Projects xautodl/models/cell_operations.py:95)."""
INPUTS = {"normal": 2, "reduce": 2, "cell": 1}
"""How many states a cell of each kind is given."""
FAMILIES = {("normal", "reduce"): "darts", ("reduce",): "darts", ("cell",): "nasbench201"}
"""By the kinds of cell. A network of the DARTS family that is one cell has a reduction cell alone."""
MOST_STATES = 100
"""More than any cell has; an absurd `range` is refused before it fills the memory."""
PARAMETERLESS = ("max_pool_3x3", "avg_pool_3x3", "skip_connect")
AND_SKIP = "_and_skip"
"""How the name of an operation ends that has a skip besides, added to it: "sep_conv_3x3_and_skip"."""


@dataclass(frozen=True)
class Cell:
    """A directed acyclic graph. States 0..inputs-1 are the cell's inputs; `nodes[i]` lists the edges into state
    inputs+i in the order of the notation, any number of them, the same edge twice too; `concat` lists the states that
    form the output.

    A node that nothing reaches, without edges or with edges from such nodes alone, has no value: it is left out of the
    output, and an edge from it adds nothing and has no parameters (FairDARTS fairdarts/model.py, DCOCell)."""

    inputs: int
    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]

    def __post_init__(self) -> None:
        states = self.inputs + len(self.nodes)
        if not self.nodes:
            raise HarnessError("genotype: a cell has no nodes.")
        for state, edges in enumerate(self.nodes, start=self.inputs):
            for operation, source in edges:
                if not re.fullmatch(r"\w+", operation):
                    raise HarnessError(
                        f"genotype: {quoted(operation)} into state {state} is not the name of an operation."
                    )
                if not 0 <= source < state:
                    raise HarnessError(
                        f"genotype: {quoted(operation)} into state {state} reads state {quoted(source)}; "
                        f"an edge comes from an earlier state, 0 to {state - 1}."
                    )
        nodes = range(self.inputs, states)
        if not self.concat or len({*self.concat} & {*nodes}) < len(self.concat):
            raise HarnessError(
                f"genotype: concat {quoted(list(self.concat))} must name nodes, {nodes[0]} to {nodes[-1]}, each at "
                "most once."
            )
        if not self.output:
            raise HarnessError(
                f"genotype: no edge reaches a node of concat {quoted(list(self.concat))}; the cell has no output."
            )

    @cached_property
    def reached(self) -> tuple[tuple[int, tuple[Edge, ...]], ...]:
        """The nodes that have a value, each with the edges that carry one into it."""
        valued, found = set(range(self.inputs)), []
        for state, edges in enumerate(self.nodes, start=self.inputs):
            if carrying := tuple(edge for edge in edges if edge[1] in valued):
                valued.add(state)
                found.append((state, carrying))
        return tuple(found)

    @cached_property
    def output(self) -> tuple[int, ...]:
        """The states of `concat` that have a value, in its order."""
        valued = {state for state, _ in self.reached}
        return tuple(state for state in self.concat if state in valued)

    @property
    def edges(self) -> tuple[Edge, ...]:
        return tuple(edge for node in self.nodes for edge in node)

    def count(self, *operations: str) -> int:
        """How many of the chosen edges carry one of these operations, with a skip besides or without."""
        return sum(operation.removesuffix(AND_SKIP) in operations for operation, _ in self.edges)


@dataclass(frozen=True)
class Genotype:
    """The cells of a network by kind: ("normal", "reduce") in the DARTS family, where a network of one cell has
    ("reduce",), and ("cell",) in NAS-Bench-201; a cell of another kind is a family by itself, of a space from outside.
    """

    cells: tuple[tuple[str, Cell], ...]

    def __post_init__(self) -> None:
        own_family = len(self.kinds) == 1 and self.kinds[0] not in INPUTS
        if self.kinds not in FAMILIES and not own_family:
            raise HarnessError(
                f"genotype: cells {quoted(list(self.kinds))} are of no known family; expected normal and reduce, or "
                "cell."
            )
        for kind, cell in self.cells:
            if cell.inputs != INPUTS.get(kind, cell.inputs):
                raise HarnessError(
                    f"genotype: the {kind} cell has {quoted(cell.inputs)} inputs; it must have {INPUTS[kind]}."
                )
        if self.family == "nasbench201":
            _check_nb201(self["cell"])

    def __getitem__(self, kind: str) -> Cell:
        return dict(self.cells)[kind]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind, _ in self.cells)

    @property
    def family(self) -> str:
        """ "darts", "nasbench201" for its single-input cell, else the kind of the cell."""
        return FAMILIES.get(self.kinds, self.kinds[0])

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
        """The notation in which papers print a cell of this family; JSON for a cell that it cannot write."""
        if self.family == "nasbench201":
            return to_nb201(self)
        return to_darts(self) if in_darts_literal(self) else json.dumps(self.to_json())


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
    except (RecursionError, MemoryError):
        raise HarnessError(f"genotype {quoted(text)} is nested too deeply. Give {FORMS}.") from None
    except SyntaxError as error:
        raise HarnessError(f"genotype {quoted(text)} cannot be read: {error.msg}. Give {FORMS}.") from None
    except ValueError as error:
        raise HarnessError(f"genotype {quoted(text)} cannot be read: {error}. Give {FORMS}.") from None
    raise HarnessError(f"{quoted(text)} is not a genotype. Give {FORMS}.")


def looks_like(text: str) -> bool:
    """Whether a command-line argument means a genotype rather than a name."""
    return text.strip().startswith(("{", "|", "Genotype"))


def from_json(data: Any) -> Genotype:
    """The kinds may come in any order. Raises ValueError for another structure, HarnessError for an impossible cell."""
    cells = [(kind, _cell_from_json(kind, cell)) for kind, cell in _keyed("a genotype", data).items()]
    return Genotype(tuple(sorted(cells)))


def _cell_from_json(kind: str, data: Any) -> Cell:
    cell = _keyed(f"the {kind} cell", data, "inputs", "nodes", "concat")
    nodes = [_edges(kind, node) for node in _list(f"{kind}'s nodes", cell["nodes"])]
    return Cell(_whole(f"{kind}'s inputs", cell["inputs"]), tuple(nodes), _states(kind, cell["concat"]))


def _keyed(what: str, data: Any, *keys: str) -> Mapping[str, Any]:
    """The mapping with exactly these keys, or any where none are given."""
    if not isinstance(data, Mapping) or (keys and set(data) != set(keys)):
        raise ValueError(f"{what} must be an object" + (f" of {', '.join(keys)}" if keys else ""))
    return data


def _list(what: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{what} must be a list, not {quoted(value)}")
    return value


def _whole(what: str, value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{what} must be a whole number, not {quoted(value)}")
    return value


def _edges(kind: str, value: Any) -> tuple[Edge, ...]:
    edges = []
    for edge in _list(f"{kind}'s edges", value):
        if not (isinstance(edge, list | tuple) and len(edge) == 2 and isinstance(edge[0], str)):
            raise ValueError(
                f"{quoted(edge)} in {kind} is not an edge, an operation's name and the state that it reads"
            )
        edges.append((edge[0], _whole(f"{visible(edge[0])}'s state", edge[1])))
    return tuple(edges)


def _states(kind: str, value: Any) -> tuple[int, ...]:
    return tuple(_whole(f"{kind}'s concat", state) for state in _list(f"{kind}'s concat", value))


def in_darts_literal(genotype: Genotype) -> bool:
    """Whether the DARTS literal can say it: a normal and a reduction cell, whose nodes have two edges each."""
    paired = all(len(node) == 2 for _, cell in genotype.cells for node in cell.nodes)
    return paired and genotype.kinds == ("normal", "reduce")


def to_darts(genotype: Genotype) -> str:
    """`Genotype(normal=[...], normal_concat=[2, 3, 4, 5], reduce=[...], reduce_concat=[2, 3, 4, 5])`."""
    if genotype.kinds != ("normal", "reduce"):
        raise HarnessError(
            f"a genotype whose only cell is {quoted(genotype.kinds[0])} has no normal and reduction cell; the DARTS "
            "literal cannot say it."
        )
    parts = []
    for kind, cell in genotype.cells:
        if any(len(node) != 2 for node in cell.nodes):
            raise HarnessError(f"the {kind} cell has nodes without exactly two edges; the DARTS literal cannot say so.")
        parts.append(f"{kind}={list(cell.edges)}, {kind}_concat={list(cell.concat)}")
    return f"Genotype({', '.join(parts)})"


def from_darts(text: str) -> Genotype:
    """Reads the text; runs none of it. Raises SyntaxError or ValueError for another text."""
    call = ast.parse(text.strip(), mode="eval").body
    wanted = [name for kind in ("normal", "reduce") for name in (kind, f"{kind}_concat")]
    named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Genotype"
    if not isinstance(call, ast.Call) or not named or sorted(str(k.arg) for k in call.keywords) != wanted or call.args:
        raise ValueError("expected Genotype(normal=..., normal_concat=..., reduce=..., reduce_concat=...)")
    fields = {keyword.arg: _literal(keyword.value) for keyword in call.keywords}
    cells = []
    for kind in ("normal", "reduce"):
        edges = _edges(kind, fields[kind])
        if len(edges) % 2:
            raise ValueError(f"{kind} lists {len(edges)} edges, and every node takes two")
        nodes = tuple(zip(edges[::2], edges[1::2], strict=True))
        cells.append((kind, Cell(INPUTS[kind], nodes, _states(kind, fields[f"{kind}_concat"]))))
    return Genotype(tuple(cells))


def _literal(node: ast.expr) -> Any:
    """A Python literal, or `range(2, 6)`, which many published genotypes have for their concat."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        states = range(*(_whole("range", _literal(argument)) for argument in node.args))
        if len(states[: MOST_STATES + 1]) > MOST_STATES:
            raise ValueError("its range is longer than any cell")
        return list(states)
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"{quoted(ast.unparse(node))} is not a literal") from None


def to_nb201(genotype: Genotype) -> str:
    nodes = genotype["cell"].nodes
    return "+".join("|" + "".join(f"{op}~{source}|" for op, source in node) for node in nodes)


def from_nb201(text: str) -> Genotype:
    """Raises ValueError for another text."""
    nodes = []
    for number, group in enumerate(text.strip().split("+"), start=1):
        if len(group) < 2 or not (group.startswith("|") and group.endswith("|")):
            raise ValueError(f"node {number} must start and end with '|'")
        edges = [re.fullmatch(r"(\w+)~(\d+)", item) for item in group[1:-1].split("|")]
        if not all(edges):
            raise ValueError(f"node {number} must be |operation~state|...|")
        nodes.append(tuple((edge[1], int(edge[2])) for edge in edges if edge))
    return Genotype((("cell", Cell(INPUTS["cell"], tuple(nodes), (len(nodes),))),))


def _check_nb201(cell: Cell) -> None:
    """Its notation names all edges in order and no output."""
    sources = [[source for _, source in node] for node in cell.nodes]
    if sources != [list(range(state)) for state in range(1, NB201_NODES + 1)] or cell.concat != (NB201_NODES,):
        raise HarnessError(
            f"genotype: a NAS-Bench-201 cell has {NB201_NODES} nodes, each reads all states before it in order, and "
            f"the last is the output; these read {quoted(sources)} and the output is {quoted(list(cell.concat))}."
        )
