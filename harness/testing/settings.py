"""What the settings of every method owe its users."""

from __future__ import annotations

from functools import partial
from typing import Any

from harness.core.settings import Declared, declared
from harness.core.types import Budget
from harness.testing.requirement import require, require_refusal
from methods.families import AnyParts
from methods.method import Method
from spaces import Space


def are_declared_once_and_refuse_what_is_wrong(method: Method, space: Space) -> None:
    """Each has a name of its own, a source, and a range that its default lies in and other values are held to."""
    items = [item for part in method.parts(space, Budget()).by_name().values() for item in declared(part).values()]
    names = [item.name for item in items]
    twice = sorted({name for name in names if names.count(name) > 1})
    require(not twice, f"two parts declare {', '.join(twice)}")
    resolve = partial(_parts, method, space)
    for item in items:
        require(bool(item.source), f"{item.name} has no source")
        require(item.check(item.value) == item.value, f"the default {item.name}={item.value!r} fails its own check")
        for value in _beyond(item):
            require_refusal(
                f"{item.name}={value}", partial(resolve, item.name, value), f"{item.name}=", "is out of range"
            )
        if item.range != "any":
            nonsense = f"{item.name}='nonsense'"
            require_refusal(nonsense, partial(resolve, item.name, "nonsense"), f"{nonsense} is ")
    require_refusal("an unknown setting", partial(resolve, "no_such_setting", 1), "unknown setting 'no_such_setting'")


def _beyond(item: Declared) -> list[Any]:
    """The nearest values outside of its range, of its type."""
    bounds = ((item.minimum, -1), (item.maximum, 1))
    return [item.type(bound + beyond) for bound, beyond in bounds if bound is not None]


def _parts(method: Method, space: Space, name: str, value: Any) -> AnyParts:
    return method.parts(space, Budget(), user={name: value})
