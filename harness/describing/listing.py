"""What `harness list` shows: every kind of thing that has a name, with a line on each. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from methods.composition import BlackBox, Composition

KINDS = ("methods", "spaces", "datasets", "tables", "protocols", "suites", "reports")
FAMILIES = {
    "progressive": "progressive",
    "staged": "progressive",
    "gumbel": "sampled",
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
    if kind == "methods":
        from methods.catalogue import CATALOGUE

        return {name: entry.summary for name, entry in CATALOGUE.working()[0].items()}
    if kind == "spaces":
        from spaces import SPACES

        return {name: f"{space.summary} (d = {space.dimension})" for name, space in SPACES.working()[0].items()}
    if kind == "datasets":
        from harness.data.catalogue import DATASETS

        return dict(DATASETS)
    if kind == "tables":
        from harness.tables import TABLES

        return {name: f"{table.title}: {table.summary}" for name, table in TABLES.working()[0].items()}
    if kind == "suites":
        from harness.suite import definition

        return definition.summaries()
    if kind == "reports":
        from reports import REPORTS

        return {name: report.summary for name, report in REPORTS.working()[0].items()}
    from harness.runs import protocol

    loaded = [protocol.load(name) for name in protocol.available()]
    return {item.name: f"version {item.version}: {item.summary}" for item in loaded}


def groups(kind: str) -> dict[str, dict[str, str]]:
    """The same by group, methods by family; "" is the one group of all other kinds."""
    found = registry(kind)
    if kind != "methods":
        return {"": found}
    from methods.catalogue import CATALOGUE

    grouped: dict[str, dict[str, str]] = {}
    for name, summary in found.items():
        grouped.setdefault(family(CATALOGUE[name]), {})[name] = summary
    return grouped


def family(method: Composition | BlackBox) -> str:
    """What sets a method apart, by its parts."""
    parts: Mapping[str, str] = method.parts
    if "strategy" in parts:
        return "black-box"
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
        grouped = groups(kind)
        lines.append(f"{kind} ({sum(map(len, grouped.values()))})")
        for heading, group in grouped.items():
            text = (f"{heading}: " if heading else "") + ", ".join(group)
            indented = textwrap.indent("\n".join(textwrap.wrap(text, WIDEST, break_on_hyphens=False)), " " * INDENT)
            lines.append(indented)
    return "\n".join(
        [*lines, "", "`harness list KIND` says what each is, `harness describe NAME` all that is known of it."]
    )
