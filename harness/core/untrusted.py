"""JSON that anybody may have written, or that a disk has damaged: read within bounds, and held against a shape.

A shape says what is needed of a value: one of the `Kind`s below, a list `[shape]` of any length, or a mapping. A key
that ends with "?" may be absent or null; the key "*" is for all that are not named. What a shape does not name passes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError, quoted, visible

DEEPEST = 32
"""Lists and objects in one another; no file of this program has half as many."""
LONGEST_WHOLE = 19
"""Digits of a whole number, as many as 64 bits hold."""
LONGEST_REASON = 120


@dataclass(frozen=True)
class Kind:
    """A kind of plain value, in words and as a test."""

    words: str
    holds: Callable[[Any], bool]


TEXT = Kind("text", lambda value: isinstance(value, str))
WHOLE = Kind("a whole number", lambda value: type(value) is int)
REAL = Kind("a number", lambda value: type(value) in (int, float))
"""Not-a-number and infinities too, which a loss may be."""
MEASURED = Kind("a number or null", lambda value: value is None or type(value) in (int, float))
FINITE = Kind("a finite number", lambda value: type(value) in (int, float) and math.isfinite(value))
TRUTH = Kind("true or false", lambda value: isinstance(value, bool))
PLAIN = Kind("text, a number, true or false", lambda value: isinstance(value, str | int | float))
ANYTHING = Kind("anything", lambda value: True)
OBJECT: Mapping[str, Any] = {}

Shape = Kind | list[Any] | Mapping[str, Any]


def loads(content: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, with a short message, for another text, for a whole number of more
    than 64 bits, and for what is nested more deeply than any file of this program."""
    try:
        value = json.loads(content, parse_int=_whole)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    check_bounds(value)
    return value


def _whole(digits: str) -> int:
    """Numbers that are too long are not converted: that takes a time that grows with the square of their length."""
    if len(digits.lstrip("-")) > LONGEST_WHOLE:
        raise ValueError(f"it holds the number {visible(digits)}")
    return int(digits)


def check_bounds(value: Any) -> None:
    """Raises ValueError, with a short message, for a parsed file that is nested too deeply, or holds a whole number of
    more digits than 64 bits have."""
    level = [value]
    for _ in range(DEEPEST):
        each = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        if not each:
            return
        level = [inner for items in each for inner in items]
        for huge in (item for item in level if type(item) is int and abs(item) >= 10**LONGEST_WHOLE):
            raise ValueError(f"it holds the number {quoted(huge)}")
    raise ValueError("it is nested too deeply")


def check(value: Any, shape: Shape, path: tuple[str | int, ...] = ()) -> None:
    """Raises ValueError, naming the first place, where a value has not the shape. `path` leads to the value."""
    if isinstance(shape, Kind):
        if not shape.holds(value):
            raise ValueError(f"{_place(path)} is {quoted(value)} and must be {shape.words}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise ValueError(f"{_place(path)} is {quoted(value)} and must be a list")
        for number, item in enumerate(value):
            check(item, shape[0], (*path, number))
    else:
        _check_object(value, shape, path)


def _check_object(value: Any, shape: Mapping[str, Any], path: tuple[str | int, ...]) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{_place(path)} is {quoted(value)} and must be an object")
    for name, inner in shape.items():
        key, optional = name.removesuffix("?"), name.endswith("?")
        if name == "*" or (optional and value.get(key) is None):
            continue
        if key not in value:
            raise ValueError(f"{_place(path)} has no {key!r}")
        check(value[key], inner, (*path, key))
    for key in value.keys() - {name.removesuffix("?") for name in shape} if "*" in shape else ():
        check(value[key], shape["*"], (*path, key))


def _place(path: tuple[str | int, ...]) -> str:
    """In words; of thousands of files few are wrong, so it is put into words where one is."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{visible(step)}" for step in path]
    return "".join(steps).removeprefix(".") or "it"


DAMAGES = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)
"""What using the values of a damaged file raises."""


@contextmanager
def reported(path: Path | str) -> Iterator[None]:
    """Turns what the values of a file make go wrong into a HarnessError that names it. For where they are used, and
    nothing else is done."""
    try:
        yield
    except DAMAGES as error:
        raise HarnessError(f"{path} is damaged: {reason(error)}. Delete it to go on.") from error


def reason(error: Exception) -> str:
    """What was wrong, in a few words."""
    if isinstance(error, KeyError):
        return f"it has no {quoted(error.args[0] if error.args else '')}"
    text = str(error)
    return visible(text.splitlines()[0].rstrip("."), LONGEST_REASON) if text else type(error).__name__
