"""Python's literals as papers and logs print them, numpy's scalars, arrays and `range` among them. Nothing is run."""

from __future__ import annotations

import ast
from typing import Any

from harness.core.errors import quoted
from harness.core.genotype import MOST_STATES

SCALARS = ("int8", "int16", "int32", "int64", "intp", "float16", "float32", "float64", "str_")
ARRAYS = ("array", "asarray", "tensor", "list", "tuple")
"""Calls whose first argument is the value."""


def evaluate(text: str) -> Any:
    """The value of a literal. Raises SyntaxError or ValueError for anything else."""
    return value(ast.parse(text.strip(), mode="eval").body)


def value(node: ast.expr) -> Any:
    """The value of one expression. Raises ValueError for what is no literal."""
    if isinstance(node, ast.List | ast.Tuple):
        return [value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {_key(key): value(item) for key, item in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.Call):
        return _called(node)
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"{quoted(ast.unparse(node))} is not a literal") from None


def called(node: ast.expr) -> str:
    """The last part of the name that is called: "int64" for `np.int64(3)`; "" where nothing is."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _called(node: ast.Call) -> Any:
    name = called(node)
    if name == "range":
        return _range([value(argument) for argument in node.args])
    if name in SCALARS + ARRAYS and node.args:
        return value(node.args[0])
    raise ValueError(f"{quoted(ast.unparse(node))} is not a literal")


def _range(bounds: list[Any]) -> list[int]:
    if not 1 <= len(bounds) <= 3 or not all(type(bound) is int for bound in bounds):
        raise ValueError("range must be of whole numbers")
    states = range(*bounds)
    if len(states[: MOST_STATES + 1]) > MOST_STATES:
        raise ValueError("its range is longer than any cell")
    return list(states)


def _key(node: ast.expr | None) -> Any:
    """Of a dictionary; None stands for the `**` of an unpacked one."""
    if not isinstance(node, ast.Constant):
        raise ValueError("a dictionary's keys must be literals")
    return node.value
