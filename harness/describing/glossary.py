"""What `harness describe` says of suites, reports, recipes and single settings: rows of text by heading, and facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from harness.core.settings import declared
from harness.evaluation.recipes import KINDS, RECIPES
from harness.suite import definition
from harness.suite.definition import SearchCell, SelectionCell
from methods import CATALOGUE
from methods.families import all_parts
from reports import REPORTS
from spaces import SPACES

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Entry:
    """Rows under headings, the first of them the summary, and the same for scripts."""

    sections: Mapping[str, Rows]
    facts: Mapping[str, Any]


def suite(name: str) -> Entry:
    """A shipped suite, or one in a TOML file. Raises HarnessError where it is malformed."""
    loaded, cells = definition.load(name), definition.cells(name)
    searches = [cell for cell in cells if isinstance(cell, SearchCell)]
    counted = Counter((cell.method, cell.space, cell.dataset, cell.protocol) for cell in searches)
    selections = sum(isinstance(cell, SelectionCell) for cell in cells)
    evaluations = len(cells) - len(searches) - selections
    held = f"{len(searches):,} searches and {evaluations:,} evaluations" + (
        f", and {selections:,} selections of one of several searches" if selections else ""
    )
    sections: dict[str, Rows] = {
        "summary": [(loaded.summary,)],
        "cells": [(held,)],
        "searches": [
            ("method", "space", "data set", "protocol", "searches"),
            *((*key, str(number)) for key, number in counted.items()),
        ],
    }
    if loaded.include:
        sections["includes"] = [(", ".join(loaded.include),)]
    sections["commands"] = [(f"harness suite plan {name}",), (f"harness suite run {name}",)]
    facts = {
        "summary": loaded.summary,
        "include": list(loaded.include),
        "searches": len(searches),
        "evaluations": evaluations,
        "selections": selections,
        "cells": [dict(zip(("method", "space", "dataset", "protocol"), key, strict=True)) for key in counted],
    }
    return Entry(sections, facts)


def report(name: str) -> Entry:
    """A report by name."""
    commands = [(f"harness report {name} --format html --out FOLDER",)]
    if name not in ("figures", "all"):
        commands.insert(0, (f"harness report {name}",))
    return Entry({"summary": [(REPORTS[name].summary,)], "commands": commands}, {"summary": REPORTS[name].summary})


def recipe(name: str) -> Entry:
    """A recipe of `harness evaluate`, before any protocol."""
    found = RECIPES[name]
    items = [item for part in found.parts().by_name().values() for item in declared(part).values()]
    sections: dict[str, Rows] = {
        "summary": [(found.summary,)],
        "source": [(found.source,)],
        "cells": [(KINDS[family],) for family in found.families],
        "hyper-parameters, before any protocol; `--set NAME=VALUE` changes one": [
            (item.name, shown(item.value), item.range, item.source) for item in items
        ],
    }
    settings = {item.name: {"value": item.value, "allowed": item.range, "source": item.source} for item in items}
    return Entry(sections, {"summary": found.summary, "source": found.source, "settings": settings})


def setting(name: str) -> Entry:
    """A hyper-parameter: the parts that declare it, and who sets it otherwise."""
    found = list(_declarations()[name])
    others = _otherwise(name)
    sections: dict[str, Rows] = {
        "summary": [(f"a hyper-parameter of {', '.join(dict.fromkeys(owner for owner, *_ in found))}",)],
        "declared by": [("part", "default", "allowed", "source"), *found],
    }
    if others:
        sections["set otherwise by"] = [(value, ", ".join(names)) for value, names in others.items()]
    keys = ("part", "default", "allowed", "source")
    return Entry(sections, {"declared": [dict(zip(keys, row, strict=True)) for row in found], "otherwise": others})


def shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


@cache
def _declarations() -> Mapping[str, Mapping[tuple[str, str, str, str], None]]:
    """By setting, in order: part, default, range and source, of each part that has it."""
    found: dict[str, dict[tuple[str, str, str, str], None]] = {}

    def note(owner: str, part: Any) -> None:
        for item in declared(part).values():
            default = next(field.default for field in fields(part) if field.name == item.name)
            found.setdefault(item.name, {})[owner, shown(default), item.range, item.source] = None

    for owner, part in all_parts():
        note(owner, part)
    for recipe_name, recipe in RECIPES.items():
        for key, part in recipe.parts().by_name().items():
            note(f"{key} of recipe {recipe_name}", part)
    return found


def _otherwise(name: str) -> dict[str, list[str]]:
    """Values that spaces, methods and recipes give it in place of the default, each with who does."""
    found: dict[str, list[str]] = {}

    def note(values: Mapping[str, Any], who: str) -> None:
        if name in values:
            found.setdefault(shown(values[name]), []).append(who)

    for space in SPACES.values():
        note(space.settings, f"space {space.name}")
    for method_name, method in CATALOGUE.items():
        note(method.settings, method_name)
        for space_name, values in method.on.items():
            note(values, f"{method_name} on {space_name}")
    for recipe_name, found_recipe in RECIPES.items():
        note(found_recipe.settings, f"recipe {recipe_name}")
    return found
