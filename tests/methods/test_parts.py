"""Parts that no method of the catalogue puts together."""

from __future__ import annotations

import dataclasses
from copy import deepcopy

import pytest
from toy import ToyDataset, run_to_end, same, small_settings

from harness.core.types import Budget
from methods import METHODS
from methods.search.parts import compose
from methods.search.search import Search
from spaces import SPACES


def composed(base, **parts):
    """A search of a method with other parts."""
    composition = dataclasses.replace(METHODS[base].composition, **parts)
    resolved = compose(composition, SPACES["s1"], user=small_settings(base, "s1", epochs=5))
    return Search(resolved, SPACES["s1"], ToyDataset(16), 0, "cpu", Budget(5))


@pytest.mark.parametrize(
    ("base", "parts"),
    [
        ("sdarts-adv", {"edge": "auxiliary-skip"}),
        ("pc-darts", {"perturbation": "adversarial"}),
        ("pc-darts", {"schedule": "progressive"}),
        ("darts-minus", {"schedule": "progressive"}),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value.values())),
)
def test_they_go_together(base, parts):
    """And resume to the bit, across the epochs at which operations are dropped."""
    search = composed(base, **parts)
    state, middle = search.start(), {}
    while not state.stopped_by:
        state = search.advance(state)
        if state.epoch == 2 and not middle:
            middle = deepcopy(state.to_dict())
    search = composed(base, **parts)
    assert same(run_to_end(search, search.restore(middle)), state)
    assert state.alpha.isfinite().all()
