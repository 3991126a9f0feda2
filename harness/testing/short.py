"""A search of about a second, of any method on any space: few steps, narrow networks, made data."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness.core.errors import HarnessError
from harness.core.types import Budget, SearchResult
from harness.runs import protocol
from harness.tables import TABLES
from harness.tables.ground_truth import Importable
from harness.tables.nasbench201_truth import NasBench201
from harness.testing.states import run_to_end, saved
from harness.testing.toy_data import ToyDataset
from harness.testing.toy_table import Made, toy_table
from methods.composition import BlackBox, Composition
from methods.families import AnySearch, make_search
from methods.method import Method
from methods.tabular.data import TableData, open_data
from spaces import Space
from spaces.edges import EDGES

QUICK = {
    "warmup": 0,
    "cadence": 2,
    "batch": 8,
    "valid_batch": 8,
    "finetune_batch": 8,
    "updates": 2,
    "batch_growth": 0,
    "ranking_batch": 8,
    "recalibration_batch": 8,
    "trial_epochs": 1,
    "max_epochs": 3,
    "search_cutout": 4,
}
"""On top of the smoke protocol, so that alpha moves at the first of the 2 steps of each epoch, trials are short, and
something is left of images of 8 by 8."""
FAR = {"mu": 10, "radius": 100}
"""For hard gates, so that in a few updates some candidate changes an edge's operation and the loss with it."""
REWARDED = {"baseline_begins": "zero"}
"""Of a few samples on a few images all may have the same reward, which is then worth something."""
IMAGES, EPOCHS, STEPS = 12, 2, 4

COUNTED_PRICE = "valid_loss * 0.2*log(flops)**0.6"
"""In place of a price on latencies, which a machine may lack."""

HARD = ("gumbel", "hard-concrete")
"""Relaxations whose gates are 0 and 1."""


def short_search(
    method: Method, space: Space, seed: int = 0, seconds: float | None = None, device: str = "cpu"
) -> AnySearch:
    """The search, not begun. Raises HarnessError where the method does not apply to the space."""
    budget = Budget(EPOCHS, seconds)
    layers = [*protocol.load("smoke").layers(method.name, space.name, "toy"), QUICK, _needed(method.composition)]
    parts = deepcopy(method.parts(space, budget, layers))  # what a part remembers by itself is lost with its process
    dataset = _on_table(space) if space.table else ToyDataset(IMAGES)
    return make_search(parts, space, dataset, seed, device, budget)


def _needed(composition: Composition | BlackBox) -> Mapping[str, Any]:
    """Settings without which a search as short as this shows nothing of a method, or does not begin."""
    if isinstance(composition, BlackBox):
        return {}
    far: Mapping[str, Any] = (
        FAR if composition.relaxation in HARD else REWARDED if composition.lookahead == "reinforce" else {}
    )
    if "latency" in str(composition.settings.get("objective")):
        far = {**far, "objective": COUNTED_PRICE}
    try:
        EDGES.find(composition.edge).check_width(2)
    except HarnessError:
        return {**far, "channels": 8}
    return far


@cache
def _toy_benchmark() -> NasBench201:
    return NasBench201(toy_table())


def _on_table(space: Space) -> TableData:
    """The first data set of the space's table; of a benchmark's, which a machine may lack, of a made one."""
    benchmark = TABLES[space.table]
    name = next(iter(benchmark.datasets))
    if space.table == "nasbench201":
        return TableData(name, _toy_benchmark())
    return (
        TableData(name, Made(space, benchmark)) if isinstance(benchmark, Importable) else open_data(name, space.table)
    )


@dataclass(frozen=True)
class Finished:
    """A short search of one method on one space, at its end."""

    method: Method
    space: Space
    search: AnySearch
    first: bytes
    """Its state after the first step, as it was saved."""
    state: Any

    @property
    def result(self) -> SearchResult:
        return self.search.result(self.state)

    def again(self, seed: int = 0, seconds: float | None = None) -> AnySearch:
        """The same search, not begun, or that of another seed or budget."""
        return short_search(self.method, self.space, seed, seconds)


def finish(method: Method, space: Space) -> Finished:
    """The search, carried to its end."""
    search = short_search(method, space)
    state = search.advance(search.start())
    first = saved(state)
    return Finished(method, space, search, first, run_to_end(search, state))
