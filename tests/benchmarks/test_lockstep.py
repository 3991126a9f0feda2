"""Searches on a table, one after the other and together: 64 seeds for an epoch of 100 updates."""

from __future__ import annotations

import pytest
from toy_table import toy_table

from harness.core.types import Budget
from harness.runs.machine import retain_heap
from harness.tables.nasbench201_truth import NasBench201
from methods import METHODS
from methods.families import make_search
from methods.tabular import lockstep
from methods.tabular.data import TableData
from spaces import SPACES

SPACE, SEEDS = SPACES["nasbench201-table"], range(64)


@pytest.mark.parametrize(("method", "least"), [("darts-1st", 4), ("zarts-mgs", 4), ("zarts-gld", 4), ("zarts-cma", 3)])
def test_searches_together(versus, benchmark, method: str, least: float) -> None:
    retain_heap()
    data, budget = TableData("cifar10", NasBench201(toy_table())), Budget(1)
    parts = METHODS[method].parts(SPACE, budget, user={"updates": 1 if benchmark.disabled else 100})
    searches = {seed: make_search(parts, SPACE, data, seed, "cpu", budget) for seed in SEEDS}

    def together() -> None:
        states = {seed: search.start() for seed, search in searches.items()}
        while lockstep.advance(searches, states):
            pass
        assert all(state.stopped_by == "epochs" for state in states.values())

    def alone() -> None:
        for search in searches.values():
            state = search.start()
            while not state.stopped_by:
                state = search.advance(state)

    versus(f"64 searches of 100 updates, {method}", together, alone, 3, least)
