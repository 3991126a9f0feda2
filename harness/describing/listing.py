"""What `harness list` shows: every kind of thing that has a name, with a line on each. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.core.registry import BUILT_IN, Registry

if TYPE_CHECKING:
    from methods.composition import BlackBox, Composition

PARTS = {
    "rules": "methods.rules:RULES",
    "lookaheads": "methods.lookaheads:LOOKAHEADS",
    "relaxations": "methods.relaxations:RELAXATIONS",
    "edges": "spaces.edges:EDGES",
    "schedules": "methods.schedules:SCHEDULES",
    "perturbations": "methods.perturbations:PERTURBATIONS",
    "stoppings": "methods.stopping:STOPPINGS",
    "objectives": "methods.objectives:OBJECTIVES",
    "derivations": "methods.derivations:DERIVATIONS",
    "samplers": "methods.samplers:SAMPLERS",
    "freezings": "methods.freezing:FREEZINGS",
    "strategies": "methods.strategies:STRATEGIES",
    "rankings": "methods.rankings:RANKINGS",
}
"""The registries of what methods are made of. Their members are imported where more than the names is shown."""
KINDS = ("methods", "spaces", "datasets", "tables", "protocols", "suites", "reports", *PARTS)
FAMILIES = {
    "progressive": "progressive",
    "staged": "progressive",
    "gumbel": "sampled",
    "categorical": "sampled",
    "binary-gates": "sampled",
    "controller": "sampled",
    "rome-v1": "sampled",
    "rome-v2": "sampled",
    "merged": "merged",
    "auxiliary-skip": "auxiliary skip",
    "partial-channels": "partial channels",
}
"""Which family a part puts a method into, whatever moves its alpha."""
DECIDING = ("schedule", "relaxation", "edge")
"""The parts that may, the first of them first."""
GRADIENT_RULE = "adam"
"""Of the rules the one that follows a gradient; all others compare losses."""
INDENT, WIDEST = 2, 100


def registry(kind: str) -> dict[str, str]:
    """name -> one line."""
    if kind in PARTS:
        return _lines(_parts(kind), lambda part: (type(part).__doc__ or "").partition("\n\n")[0].replace("\n    ", " "))
    if kind == "methods":
        from methods.catalogue import CATALOGUE

        return _lines(CATALOGUE, lambda entry: entry.summary)
    if kind == "spaces":
        from spaces import SPACES

        return _lines(SPACES, lambda space: f"{space.summary} (d = {space.dimension})")
    if kind == "datasets":
        from harness.data.catalogue import DATASETS

        return _lines(DATASETS, lambda dataset: dataset.summary)
    if kind == "tables":
        from harness.tables import COST_TABLES, TABLES

        return {**_lines(TABLES, _titled), **_lines(COST_TABLES, _titled)}
    if kind == "suites":
        from harness.suite import definition

        return definition.summaries()
    if kind == "reports":
        from reports import REPORTS

        return _lines(REPORTS, lambda report: report.summary)
    from harness.runs import protocol

    loaded = [protocol.load(name) for name in protocol.available()]
    return {item.name: f"version {item.version}: {item.summary}" for item in loaded}


def _titled(table: Any) -> str:
    return f"{table.title}: {table.summary}"


def _lines(registry: Registry[Any], line: Callable[[Any], str]) -> dict[str, str]:
    """A line on every member, with its origin where it is from outside; what is wrong with it, where it is broken."""
    found, broken = registry.working()
    lines = {name: line(found[name]) if name in found else f"cannot be used: {broken[name]}" for name in registry}
    origins = {name: registry.origin(name) for name in found}
    return {
        name: text if origins.get(name, BUILT_IN) == BUILT_IN else f"{text} [{origins[name]}]"
        for name, text in lines.items()
    }


def _parts(kind: str) -> Registry[Any]:
    module, _, name = PARTS[kind].partition(":")
    registry: Registry[Any] = getattr(import_module(module), name)
    return registry


def groups(kind: str) -> dict[str, dict[str, str]]:
    """The same by group, methods by family; "" is the one group of all other kinds."""
    found = registry(kind)
    if kind != "methods":
        return {"": found}
    from methods.catalogue import CATALOGUE

    working, _ = CATALOGUE.working()
    grouped: dict[str, dict[str, str]] = {}
    for name, summary in found.items():
        grouped.setdefault(family(working[name]) if name in working else "broken", {})[name] = summary
    return grouped


def family(method: Composition | BlackBox) -> str:
    """What sets a method apart, by its parts."""
    parts: Mapping[str, str] = method.parts
    if "strategy" in parts:
        return "one-shot" if "rule" in parts else "black-box"
    for part in DECIDING:
        if parts[part] in FAMILIES:
            return FAMILIES[parts[part]]
    return "gradient" if parts["rule"] == GRADIENT_RULE else "zero-order"


def table(kind: str) -> str:
    """One line for each name, under the heading of its group where there are several."""
    grouped = groups(kind)
    width = max(len(name) for group in grouped.values() for name in group)
    lines = []
    for heading, group in grouped.items():
        lines += [heading] if heading else []
        margin = " " * INDENT if heading else ""
        lines += [f"{margin}{name:<{width}}  {summary}" for name, summary in group.items()]
    return "\n".join(lines)


def everything() -> str:
    """The names of all kinds, without what they are."""
    import textwrap

    lines = []
    for kind in KINDS:
        grouped = {"": dict.fromkeys(_parts(kind), "")} if kind in PARTS else groups(kind)
        lines.append(f"{kind} ({sum(map(len, grouped.values()))})")
        for heading, group in grouped.items():
            text = (f"{heading}: " if heading else "") + ", ".join(group)
            indented = textwrap.indent("\n".join(textwrap.wrap(text, WIDEST, break_on_hyphens=False)), " " * INDENT)
            lines.append(indented)
    return "\n".join(
        [*lines, "", "`harness list KIND` says what each is, `harness describe NAME` all that is known of it."]
    )
