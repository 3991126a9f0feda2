"""What every method and every space owes its users. A new one is tested by being registered."""

from __future__ import annotations

import os
from functools import lru_cache

import pytest
from toy import UNLIKE

from harness.testing import searches, settings, spaces
from harness.testing.short import Finished, finish
from methods import CATALOGUE, METHODS
from methods.catalogue.variants import crosses
from methods.families import applies
from spaces import SPACES

EVERY_SPACE_WITH = "darts-1st"
EVERY_METHOD_ON = ("nasbench201", "nasbench201-table")
FIRST_ALSO_ON = "s1"
KNOW_NO_SPACE = ("rule", "lookahead", "perturbation", "stopping")
"""Of methods that differ in these parts alone, the first runs on S1 for all; of those that differ in their rule alone,
the first runs on a supernet for all."""
CROSS_ON = ("nasbench201", "darts")
"""A generated cross runs on the first of these that it applies to, the cheaper one."""
CROSSED = ("darts-1st", "zarts-mgs")
"""Bases whose crosses run here; the other bases have other rules, which run by themselves. HARNESS_CONFORMANCE=all runs
every cross, and every method on every space."""
OF_ITS_STATE = ("resumes to the bit", "ends with its seconds")
"""These checks are made on the spaces that all methods run on: what a method has in its state is the same on others."""


CROSSES, EVERYTHING = crosses(), os.environ.get("HARNESS_CONFORMANCE") == "all"
SPACES_HERE = list(SPACES) if EVERYTHING else UNLIKE


def first_of_each(*ignored: str) -> set[str]:
    """The first method, crosses aside, of each composition of the other parts."""
    found: dict[str, str] = {}
    for method in CATALOGUE:
        if method not in CROSSES:
            others = {part: name for part, name in CATALOGUE[method].parts.items() if part not in ignored}
            found.setdefault(str(others), method)
    return set(found.values())


ON_S1, ON_SUPERNETS = first_of_each(*KNOW_NO_SPACE), first_of_each("rule")


def spaces_of(method: str) -> list[str]:
    applying = [space for space in SPACES_HERE if applies(CATALOGUE[method], SPACES[space])]
    if EVERYTHING:
        return applying
    if method in CROSSES:
        return [next(space for space in CROSS_ON if space in applying)] if method in crosses(CROSSED) else []
    found = [space for space in EVERY_METHOD_ON if space in applying]
    return [FIRST_ALSO_ON] * (method in ON_S1) + (found if method in ON_SUPERNETS else found[-1:])


METHODS_HERE = [method for method in CATALOGUE if spaces_of(method)]
PAIRS = sorted(
    {(method, space) for method in METHODS_HERE for space in spaces_of(method)}
    | {(EVERY_SPACE_WITH, space) for space in SPACES_HERE}
)
CASES = [
    (method, space, check)
    for method, space in PAIRS
    for check in searches.CHECKS
    if EVERYTHING or check not in OF_ITS_STATE or space in EVERY_METHOD_ON + CROSS_ON
]


@lru_cache(maxsize=1)
def finished(method: str, space: str) -> Finished:
    """The checks of one search follow one another."""
    return finish(METHODS[method], SPACES[space])


@pytest.mark.parametrize(("method", "space", "check"), CASES, ids=["-".join(case) for case in CASES])
def test_a_search(method: str, space: str, check: str) -> None:
    searches.CHECKS[check](finished(method, space))


@pytest.mark.parametrize("method", METHODS_HERE)
def test_another_seed_is_another_search(method: str) -> None:
    searches.differs_by_seed(METHODS[method], SPACES[spaces_of(method)[-1]])


@pytest.mark.parametrize(
    ("method", "space"), [(method, space) for method in METHODS_HERE for space in spaces_of(method)]
)
def test_settings_are_declared_once_with_a_source_and_refuse_what_is_wrong(method: str, space: str) -> None:
    settings.are_declared_once_and_refuse_what_is_wrong(METHODS[method], SPACES[space])


@pytest.mark.parametrize("check", spaces.CHECKS)
@pytest.mark.parametrize("space", SPACES_HERE)
def test_a_space(space: str, check: str) -> None:
    spaces.CHECKS[check](SPACES[space])
