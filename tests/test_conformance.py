"""What every method and every space owes its users. A new one is tested by being registered."""

from __future__ import annotations

import os

import pytest
from toy import UNLIKE

from harness.testing import searches, settings, spaces
from harness.testing.short import Finished, finish
from methods import CATALOGUE, METHODS
from methods.catalogue.variants import crosses
from methods.families import applies
from spaces import SPACES

EVERY_SPACE_WITH = "zarts-mgs"
EVERY_METHOD_ON = ("s1", "nasbench201", "nasbench201-table")
OTHER_RULES_ON = ("nasbench201", "nasbench201-table")
"""Of methods that differ in their rule alone, all but the first run on these: a rule knows nothing of spaces."""
CROSS_ON = ("nasbench201", "darts")
"""A generated cross runs on the first of these that it applies to, the cheaper one."""
CROSSED = ("darts-1st", "zarts-mgs")
"""Bases whose crosses run here; the other bases have other rules, which run by themselves. HARNESS_CONFORMANCE=all runs
every cross, and every method on every space."""


CROSSES, EVERYTHING = crosses(), os.environ.get("HARNESS_CONFORMANCE") == "all"
SPACES_HERE = list(SPACES) if EVERYTHING else UNLIKE
FIRST = {
    str({part: name for part, name in CATALOGUE[method].parts.items() if part != "rule"}): method
    for method in reversed([method for method in CATALOGUE if method not in CROSSES])
}.values()
"""The first method of each composition that differs from the others in more than its rule."""


def spaces_of(method: str) -> list[str]:
    applying = [space for space in SPACES_HERE if applies(CATALOGUE[method], SPACES[space])]
    if EVERYTHING:
        return applying
    if method not in CROSSES:
        return [space for space in (EVERY_METHOD_ON if method in FIRST else OTHER_RULES_ON) if space in applying]
    return [next(space for space in CROSS_ON if space in applying)] if method in crosses(CROSSED) else []


METHODS_HERE = [method for method in CATALOGUE if spaces_of(method)]
PAIRS = sorted(
    {(method, space) for method in METHODS_HERE for space in spaces_of(method)}
    | {(EVERY_SPACE_WITH, space) for space in SPACES_HERE}
)


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def finished(request: pytest.FixtureRequest) -> Finished:
    method, space = request.param
    return finish(METHODS[method], SPACES[space])


@pytest.mark.parametrize("check", searches.CHECKS)
def test_a_search(finished: Finished, check: str) -> None:
    searches.CHECKS[check](finished)


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
