"""What a method is made of: the names of its parts, and the settings in which it differs from their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

PARTS = (
    "rule",
    "lookahead",
    "relaxation",
    "edge",
    "schedule",
    "perturbation",
    "stopping",
    "objective",
    "derivation",
    "sampler",
    "freezing",
    "strategy",
    "ranking",
)
"""What the parts of a method decide."""
LEFT_OUT = {
    "objective": "none",
    "derivation": "space",
    "sampler": "alpha",
    "freezing": "none",
    "strategy": "",
    "ranking": "shared-weights",
}
"""Parts that came after runs had been made without them: under these names they change nothing, and specs leave them
out, so that those runs keep their names."""


@dataclass(frozen=True)
class Composition:
    """A method: its parts, each by name or as an object, and the settings in which it differs from their defaults."""

    summary: str
    source: str
    rule: Any
    lookahead: Any
    relaxation: Any = "softmax"
    edge: Any = "sum"
    schedule: Any = "alternating"
    perturbation: Any = "none"
    stopping: Any = "never"
    objective: Any = "none"
    derivation: Any = "space"
    sampler: Any = "alpha"
    freezing: Any = "none"
    strategy: Any = ""
    """Of a search after training, by which the cell is found; empty: it is derived."""
    ranking: Any = "shared-weights"
    """How such a search scores a candidate."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    on: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Further settings, by the name of the space."""

    @property
    def parts(self) -> dict[str, str]:
        """The name of each part, by what it decides, as it stands in spec.json."""
        names = {key: name_of(getattr(self, key)) for key in PARTS}
        return {key: name for key, name in names.items() if name != LEFT_OUT.get(key)}


@dataclass(frozen=True)
class Variant:
    """Other parts, under which every base method can run; `prefix` goes before its name."""

    prefix: str
    summary: str
    source: str
    parts: Mapping[str, Any]
    on: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    instead: Mapping[str, Any] = field(default_factory=dict)
    """Settings of these names are others where the base method sets them."""

    def of(self, base: Composition) -> Composition:
        """The base method with these parts."""
        settings = {name: self.instead.get(name, value) for name, value in base.settings.items()}
        on = {name: {**base.on.get(name, {}), **self.on.get(name, {})} for name in {**base.on, **self.on}}
        return replace(base, source=f"{base.source}; {self.source}", settings=settings, on=on, **self.parts)


@dataclass(frozen=True)
class BlackBox:
    """A method that proposes whole genotypes and sees how well each does: the name of its strategy, and the settings in
    which it differs from the strategy's own defaults."""

    summary: str
    source: str
    strategy: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    on: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Further settings, by the name of the space."""

    @property
    def parts(self) -> dict[str, str]:
        return {"strategy": name_of(self.strategy)}


AnyMethod = (Composition, BlackBox)
"""What a member of the catalogue is one of."""


def name_of(part: Any) -> str:
    """The name that a part is known by; that of its class, where it is an object."""
    return part if isinstance(part, str) else f"{type(part).__module__}.{type(part).__qualname__}"
