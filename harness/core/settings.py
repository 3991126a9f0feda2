"""Hyper-parameters: fields of frozen dataclasses, each with its source and its range.

    @dataclass(frozen=True)
    class Adam:
        alpha_lr: float = setting(3e-4, "DARTS architect.py:17-37", minimum=0)

A search is a tuple of such dataclasses (its parts). Names are unique within a search, so `--set alpha_lr=1e-3` needs no
prefix.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, get_type_hints

from harness.core.errors import HarnessError, quoted, unknown, visible

LARGEST = 2**63 - 1
"""Of a whole number: what 64 bits hold."""


def setting(
    default: Any,
    source: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] | None = None,
    omit_default: bool = False,
) -> Any:
    """A dataclass field with its source; the range is checked when a value is set.

    `omit_default` is for a setting that came after runs had been made without it: at its default it changes nothing,
    and a spec leaves it out, so that those runs keep their names."""
    metadata = {
        "source": source,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "omit_default": omit_default,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Declared:
    """One declared hyper-parameter of one part, with the value it has there."""

    name: str
    type: type
    value: Any
    source: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...] | None

    def check(self, value: Any) -> Any:
        """The value in the declared type. A string is parsed. Raises HarnessError when type or range is wrong."""
        value = self._typed(value)
        if self.choices is not None and value not in self.choices:
            raise HarnessError(f"{self.name}={quoted(value)} is not one of {', '.join(self.choices)}.")
        below = self.minimum is not None and value < self.minimum
        above = self.maximum is not None and value > self.maximum
        if below or above:
            raise HarnessError(f"{self.name}={visible(str(value))} is out of range; it must be {self.range}.")
        return value

    @property
    def range(self) -> str:
        if self.choices is not None:
            return " | ".join(self.choices)
        if self.type is bool:
            return "true | false"
        if self.minimum is not None and self.maximum is not None:
            return f"from {self.minimum:g} to {self.maximum:g}"
        bounds = [f"at least {self.minimum:g}"] if self.minimum is not None else []
        bounds += [f"at most {self.maximum:g}"] if self.maximum is not None else []
        return "".join(bounds) or "any"

    def _typed(self, value: Any) -> Any:
        wrong = HarnessError(f"{self.name}={quoted(value)} is not {_article(self.type)}.")
        if self.type is bool:
            if isinstance(value, str):
                value = {"true": True, "false": False}.get(value.lower(), value)
            if not isinstance(value, bool):
                raise HarnessError(f"{self.name}={quoted(value)} is neither true nor false.")
            return value
        if isinstance(value, bool):
            raise wrong
        if self.type is str and not isinstance(value, str):
            raise wrong
        try:
            typed = self.type(value)
        except (TypeError, ValueError, OverflowError):
            raise wrong from None
        if self.type is int and not isinstance(value, str) and typed != value:
            raise wrong
        if self.type is float and not math.isfinite(typed):
            raise wrong
        if self.type is int and abs(typed) > LARGEST:
            raise wrong
        return typed


def declared(part: Any) -> dict[str, Declared]:
    """The hyper-parameters that a part declares, by name. A part without a dataclass's fields declares none."""
    kind: Any = type(part)
    if not is_dataclass(part):
        return {}
    hints = _hints(kind)
    return {
        f.name: Declared(
            f.name,
            hints[f.name],
            getattr(part, f.name),
            f.metadata["source"],
            f.metadata["minimum"],
            f.metadata["maximum"],
            f.metadata["choices"],
        )
        for f in fields(part)
        if "source" in f.metadata
    }


@lru_cache
def _hints(kind: Any) -> Mapping[str, type]:
    return get_type_hints(kind)


def specified(part: Any) -> dict[str, Any]:
    """The values of a part's hyper-parameters by name, as a spec has them: without those that it leaves out."""
    items = declared(part)
    defaults = {f.name: f.default for f in fields(part) if f.metadata.get("omit_default")} if items else {}
    return {name: item.value for name, item in items.items() if name not in defaults or item.value != defaults[name]}


def override(parts: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The parts with these values set. Raises HarnessError for a name that no part declares, or a bad value."""
    owners = {name: key for key, part in parts.items() for name in declared(part)}
    changes: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if name not in owners:
            raise unknown("setting", name, sorted(owners))
        changes.setdefault(owners[name], {})[name] = declared(parts[owners[name]])[name].check(value)
    return {key: replace(part, **changes[key]) if key in changes else part for key, part in parts.items()}


def applicable(parts: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values whose names these parts declare: a protocol sets `sigma` for every method that has one."""
    names = {name for part in parts.values() for name in declared(part)}
    return {name: value for name, value in values.items() if name in names}


def parse_assignments(assignments: Iterable[str], option: str = "--set") -> dict[str, str]:
    """`["lr=0.1", "sigma=0.2"]` as a mapping. Raises HarnessError for an item without "=", given by this option."""
    pairs = {}
    for item in assignments:
        name, equals, value = item.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise HarnessError(f"{option} {quoted(item)} must have the form name=value.")
        pairs[name.strip()] = value.strip()
    return pairs


def check_epochs(epochs: int | None, given: Mapping[str, str]) -> None:
    """Raises HarnessError where `--epochs` and an assignment both say how many."""
    if epochs is not None and "epochs" in given:
        raise HarnessError(
            f"--epochs {epochs} and --set epochs={visible(given['epochs'])} say the same thing; give one."
        )


def _article(kind: type) -> str:
    return {int: "an integer", float: "a finite number", str: "a word", bool: "true or false"}[kind]
