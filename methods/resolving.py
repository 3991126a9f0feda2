"""How a method's parts get their settings: the same for every family of methods."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar

from harness.core.settings import applicable, override, specified
from methods.composition import LEFT_OUT, BlackBox, Composition
from spaces import Space


class Resolved:
    """The base of the dataclasses that hold the parts of one family, one field each."""

    later: ClassVar[Collection[str]] = (*LEFT_OUT, "price")
    """The parts that came after runs had been made without them: a spec leaves out those without settings."""

    def by_name(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def settings(self) -> dict[str, dict[str, Any]]:
        """Every resolved hyper-parameter by part, as it stands in spec.json."""
        found = {key: specified(part) for key, part in self.by_name().items()}
        return {key: values for key, values in found.items() if values or key not in self.later}


def resolve_settings(
    parts: Mapping[str, Any],
    method: Composition | BlackBox,
    space: Space,
    layers: Sequence[Mapping[str, Any]] = (),
    user: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The parts with their settings.

    Values are set in this order, the later one winning: the parts' defaults, the space's settings, the method's, the
    method's for this space, each of `layers` (a protocol's; names that these parts do not declare are meant for other
    methods and pass), `user` (names must exist). Raises HarnessError for a bad name or value.
    """
    for layer in (space.settings, method.settings, method.on.get(space.name, {}), *layers):
        parts = override(parts, applicable(parts, layer))
    return override(parts, user or {})
