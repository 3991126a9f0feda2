"""Objectives as text: "valid_loss + 0.1*log(flops/300M)". Read as a formula, never run as a program.

expression = number | name | function(expression, ...) | expression + - * / ** expression | -expression
number     = as in Python, or with a suffix: 300M is 300e6, k is 1e3, M 1e6, G 1e9
functions  = log, exp, sqrt, abs, and of two arguments or more min, max
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from harness.core.errors import HarnessError, quoted, unknown

LOSS = "valid_loss"
LONGEST = 500
"""Characters of an expression, so that none is nested more deeply than its readers can follow."""
SUFFIXES = {"k": "e3", "M": "e6", "G": "e9"}
NUMBER = re.compile(r"(?<![\w.])(\d+\.?\d*|\.\d+)(e[+-]?\d+)?([A-Za-z_]\w*)?")
OPERATORS: Mapping[type[ast.AST], Callable[..., Tensor]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "log": torch.log,
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
}
EXTREMES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {"min": torch.minimum, "max": torch.maximum}
KNOWN = (*FUNCTIONS, *EXTREMES)


@dataclass(frozen=True)
class Expression:
    """A formula that was read."""

    text: str
    tree: ast.expr
    names: tuple[str, ...]
    """What it is a function of, each once, in the order of their first mention."""

    @property
    def costs(self) -> tuple[str, ...]:
        """The names besides the loss."""
        return tuple(name for name in self.names if name != LOSS)

    @property
    def is_the_loss(self) -> bool:
        """Whether it is nothing but the loss."""
        return isinstance(self.tree, ast.Name) and self.names == (LOSS,)

    def value(self, values: Mapping[str, Tensor]) -> Tensor:
        """Its value, a scalar like the loss, differentiable in all values; not a number where it has none."""
        return _value(self.tree, values, values[LOSS])


def parse(text: str) -> Expression:
    """Reads an expression. Raises HarnessError for what is none, and for one without the loss."""
    if len(text) > LONGEST:
        raise HarnessError(f"the objective {quoted(text)} has {len(text):,} characters; give {LONGEST} or fewer.")
    try:
        tree = ast.parse(NUMBER.sub(_plain, text.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise HarnessError(
            f"the objective {quoted(text)} cannot be read; write it like 'valid_loss + 0.1*log(flops/300M)'."
        ) from None
    names: dict[str, None] = {}
    _check(tree, names)
    if LOSS not in names:
        raise HarnessError(f"the objective {quoted(text)} does not contain {LOSS}: nothing in it is about accuracy.")
    return Expression(text.strip(), tree, tuple(names))


def check_names(expression: Expression, known: Collection[str]) -> None:
    """Raises HarnessError for a cost that is none of those known."""
    for name in expression.costs:
        if name not in known:
            raise unknown("cost of the objective", name, [LOSS, *known])


def _plain(number: re.Match[str]) -> str:
    """A number with a suffix as Python writes it."""
    digits, exponent, suffix = number.groups()
    if suffix is None:
        return number[0]
    if suffix not in SUFFIXES or exponent:
        raise HarnessError(
            f"{quoted(number[0])} in the objective is no number; its suffix may be k, M or G, and units are fixed: "
            "flops are multiply-accumulates, latencies milliseconds, energies millijoules."
        )
    return digits + SUFFIXES[suffix]


def _check(node: ast.expr, names: dict[str, None]) -> None:
    """Enters the names of a tree. Raises HarnessError for anything that is no formula."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            _number(value)
        case ast.Name(id=name):
            if name in KNOWN:
                raise HarnessError(f"{name} in the objective is a function; write {name}(...).")
            names[name] = None
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            _check(operand, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            _check(left, names)
            _check(right, names)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in KNOWN:
            few, wanted = name in FUNCTIONS, "one argument" if name in FUNCTIONS else "two arguments or more"
            if few != (len(arguments) == 1) or not arguments:
                raise HarnessError(f"{name} in the objective takes {wanted}, and is given {len(arguments)}.")
            for argument in arguments:
                _check(argument, names)
        case ast.Call(func=ast.Name(id=name)) if name not in KNOWN:
            raise unknown("function of the objective", name, KNOWN)
        case _:
            raise HarnessError(
                f"{quoted(_source(node))} is not part of an objective; it has numbers, names, + - * / **, and "
                f"{', '.join(KNOWN)}."
            )


def _source(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError):
        return type(node).__name__


def _number(value: float) -> float:
    """Floats, so that no power of whole numbers grows without end."""
    try:
        found = float(value)
    except OverflowError:
        found = float("inf")
    if found == float("inf"):
        raise HarnessError("a number in the objective is too large.")
    return found


def _value(node: ast.expr, values: Mapping[str, Tensor], like: Tensor) -> Tensor:
    match node:
        case ast.Constant(value=value):
            return like.new_full((), _number(value))  # type: ignore[arg-type]
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=op, operand=operand):
            return OPERATORS[type(op)](_value(operand, values, like))
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_value(left, values, like), _value(right, values, like))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            given = [_value(argument, values, like) for argument in arguments]
            return FUNCTIONS[name](*given) if name in FUNCTIONS else reduce(EXTREMES[name], given)
    raise AssertionError(node)
