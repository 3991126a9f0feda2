"""Which checks each kind of member has to pass: by itself, and at work in a method that is made for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.core.registry import Registry, installed, load_plugin, offers
from harness.data.catalogue import DATASETS
from harness.testing import datasets, operations, rules, searches, settings, spaces, strategies
from harness.testing.short import Finished, finish
from methods import CATALOGUE, METHODS
from methods.composition import BlackBox, Composition
from methods.derivations import DERIVATIONS
from methods.families import applies
from methods.freezing import FREEZINGS
from methods.lookaheads import LOOKAHEADS
from methods.method import Method
from methods.objectives import OBJECTIVES
from methods.perturbations import PERTURBATIONS
from methods.rankings import RANKINGS
from methods.relaxations import RELAXATIONS
from methods.rules import RULES
from methods.samplers import SAMPLERS
from methods.schedules import SCHEDULES
from methods.stopping import STOPPINGS
from methods.strategies import STRATEGIES
from spaces import SPACES, Space
from spaces.edges import EDGES
from spaces.operations import OPERATIONS

REGISTRIES: Mapping[str, Registry[Any]] = {
    registry.kind: registry
    for registry in (
        CATALOGUE,
        RULES,
        LOOKAHEADS,
        RELAXATIONS,
        EDGES,
        SCHEDULES,
        PERTURBATIONS,
        STOPPINGS,
        OBJECTIVES,
        DERIVATIONS,
        SAMPLERS,
        FREEZINGS,
        STRATEGIES,
        RANKINGS,
        SPACES,
        OPERATIONS,
        DATASETS,
    )
}
ALONE: Mapping[str, Mapping[str, Callable[[Any], None]]] = {
    "rules": rules.CHECKS,
    "strategies": strategies.CHECKS,
    "spaces": spaces.CHECKS,
    "operations": operations.CHECKS,
}
"""What a member is held to by itself."""
AGREEING: Mapping[str, Callable[[Any, Any], None]] = {
    "rules": rules.agrees_with,
    "strategies": strategies.agrees_with,
}
"""What holds a member to a plain reference."""
FITS = "fits its interface"
SEARCHED = ("s1", "nasbench201", "nasbench201-table")
"""What a method, or one made for a part, is tried on, where it applies."""
SEARCHED_WITH = "zarts-mgs"
"""What a space is tried with."""
PARTS = {
    "rules": "rule",
    "lookaheads": "lookahead",
    "relaxations": "relaxation",
    "edges": "edge",
    "schedules": "schedule",
    "perturbations": "perturbation",
    "stoppings": "stopping",
    "objectives": "objective",
    "derivations": "derivation",
    "samplers": "sampler",
    "freezings": "freezing",
    "rankings": "ranking",
}
"""By kind, the part of a method in whose place a member is tried."""
DARTS = Composition("", "", rule="adam", lookahead="first-order")
AT_WORK = {
    "rules": replace(DARTS, lookahead="fine-tuned"),
    "rankings": replace(DARTS, strategy="random", settings={"ranked": 4}),
}
"""The methods that it is tried in: DARTS, but for rules, which may ask for losses alone, and rankings, which rank."""


@dataclass(frozen=True)
class Subject:
    """A member, or what it is tried in, and its checks in words; where the first fails, so would the others."""

    name: str
    checks: Mapping[str, Callable[[], object]]


def subjects_of(plugin: str | Path) -> list[Subject]:
    """All that the members of a plugin, or of an installed package, have to pass. A member that has a plain reference,
    of its kind and by its name in the plugin's mapping REFERENCES, has also to agree with that. Raises HarnessError for
    a plugin that cannot be imported or offers nothing."""
    found: Mapping[str, Iterable[str]] = installed(str(plugin))
    references: Mapping[str, Any] = {}
    if not found:
        module = load_plugin(str(plugin))
        found, references = offers(module), getattr(module, "REFERENCES", {})
    return [
        subject
        for kind, names in found.items()
        for name in names
        for subject in _subjects(kind, name, references.get(name))
    ]


def _subjects(kind: str, name: str, reference: Any) -> Iterator[Subject]:
    """Raises HarnessError for a kind of which nothing is checked."""
    if kind not in REGISTRIES:
        raise HarnessError(f"{kind} cannot be checked; those that can are {', '.join(REGISTRIES)}.")
    registry = REGISTRIES[kind]
    title = f"{registry.noun} {name}"
    checks: dict[str, Callable[[], object]] = {FITS: partial(registry.__getitem__, name)}
    if kind in ALONE:
        checks |= {words: partial(_of_member, check, registry, name) for words, check in ALONE[kind].items()}
    if kind == "datasets":
        checks |= {words: partial(check, name) for words, check in datasets.CHECKS.items()}
    if reference is not None and kind in AGREEING:
        checks["agrees with its reference"] = partial(_agree, AGREEING[kind], registry, name, reference)
    yield Subject(title, checks)
    if fits(registry, name):
        yield from _at_work(kind, name, title)


def fits(registry: Registry[Any], name: str) -> bool:
    """Whether a member can be had."""
    try:
        registry[name]
    except HarnessError:
        return False
    return True


def _of_member(check: Callable[[Any], None], registry: Registry[Any], name: str) -> None:
    check(registry[name])


def _agree(check: Callable[[Any, Any], None], registry: Registry[Any], name: str, reference: Any) -> None:
    check(registry[name], reference)


def _at_work(kind: str, name: str, title: str) -> Iterator[Subject]:
    """A member in the searches that it is tried in."""
    if kind == "spaces":
        method, space = METHODS[SEARCHED_WITH], SPACES[name]
        yield _search(f"{SEARCHED_WITH} on {title}", method, space)
    elif kind in ("methods", *PARTS, "strategies"):
        method = METHODS[name] if kind == "methods" else Method(name, _made_for(kind, name))
        for place in SEARCHED:
            if applies(method.composition, SPACES[place]):
                yield _search(f"{title} on {place}", method, SPACES[place])


def _made_for(kind: str, name: str) -> Composition | BlackBox:
    """A method in which a part is at work."""
    if kind == "strategies":
        return BlackBox("", "", strategy=name)
    parts: dict[str, Any] = {PARTS[kind]: name}
    return replace(AT_WORK.get(kind, DARTS), **parts)


def _search(title: str, method: Method, space: Space) -> Subject:
    finished = cache(partial(finish, method, space))
    return Subject(
        title,
        {
            "runs to its end": finished,
            **{words: partial(_of_search, check, finished) for words, check in searches.CHECKS.items()},
            "differs by seed": partial(searches.differs_by_seed, method, space),
            "declares its settings": partial(settings.are_declared_once_and_refuse_what_is_wrong, method, space),
        },
    )


def _of_search(check: Callable[[Finished], None], finished: Callable[[], Finished]) -> None:
    check(finished())
