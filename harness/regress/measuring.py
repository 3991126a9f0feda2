"""What is measured: methods x seeds in two parts, both small on purpose.

* table: every method on the space nasbench201-table (a rule on the exact objective, a strategy on the benchmark's own
  budget). What is found has a known test accuracy.
* supernet: a method of every family that has one, on a supernet of nasbench201 and the embedded digits: weights,
  fine-tuning, batches; the one that merges convolutions on a supernet of darts, for it needs those.

Of each run some figures are kept, all of them better when smaller, rounded to DIGITS significant digits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness import data
from harness.core.settings import applicable
from harness.core.types import Budget, SearchResult
from harness.regress.parts import Part
from methods import METHODS
from methods.families import AnySearch, make_search, resolve
from methods.tabular import lockstep
from methods.tabular.data import TableData, open_data
from spaces import SPACES

DIGITS = 4
"""Significant ones: what differs in later digits, as between machines, is no regression."""
Figures = dict[str, list[float]]
"""By the figure's name one value per seed."""
Measured = Mapping[tuple[str, str, str], list[float]]
"""By part, method and figure."""


def figures(result: SearchResult) -> dict[str, float]:
    """What is kept of a run, by what its last record has; smaller is better throughout."""
    last = result.records[-1]
    found: dict[str, float] = {}
    if "table" in last:
        found["test error, %"] = 100 - last["table"]["test"]
    if "best_accuracy" in last:
        found["error of the best trial, %"] = 100 - last["best_accuracy"]
    if "valid_loss" in last:
        found["loss at the end"] = last["valid_loss"]
    if "step_norm" in last.get("rule", {}):
        found["step at the end"] = last["rule"]["step_norm"]
    if "candidate_loss" in last.get("rule", {}):
        found["loss of candidates"] = last["rule"]["candidate_loss"]
    return {name: float(f"{value:.{DIGITS}g}") for name, value in found.items()}


def measure(part: Part, method: str, seeds: Sequence[int], dataset: data.ImageDataset | TableData) -> Figures:
    """The figures of one method, a run for each seed: in lockstep where it can."""
    space, budget = SPACES[part.space], Budget(part.epochs)
    settings = applicable(resolve(METHODS[method].composition, space).by_name(), part.settings)
    parts = METHODS[method].parts(space, budget, user=settings)
    searches = {seed: make_search(parts, space, dataset, seed, "cpu", budget) for seed in seeds}
    together = {seed: search for seed, search in searches.items() if lockstep.fits(search)}
    states = {seed: search.start() for seed, search in together.items()}
    while lockstep.advance(together, states):
        pass
    runs = [figures(_ended(search, states.get(seed))) for seed, search in searches.items()]
    return {name: [run[name] for run in runs] for name in runs[0]}


def _ended(search: AnySearch, state: Any) -> SearchResult:
    """The result of a search from this state on; from its start where it goes alone, or to say why it cannot go on."""
    state = search.start() if state is None else state
    while not state.stopped_by:
        state = search.advance(state)
    return search.result(state)


def open_dataset(part: Part) -> data.ImageDataset | TableData:
    """Raises HarnessError where there is no table."""
    table = SPACES[part.space].table
    return open_data(part.dataset, table) if table else data.load(part.dataset)


def check(
    parts: Sequence[Part],
    first_seed: int,
    seeds: Callable[[Part], int],
    report: Callable[[str], None] = lambda message: None,
) -> tuple[Measured, dict[str, str]]:
    """All figures of all methods of these parts, from `first_seed` on, and the fingerprint of each part's data."""
    measured: dict[tuple[str, str, str], list[float]] = {}
    fingerprints = {}
    for part in parts:
        dataset = open_dataset(part)
        fingerprints[part.name] = dataset.fingerprint
        for method in part.methods:
            began, count = time.perf_counter(), seeds(part)
            found = measure(part, method, range(first_seed, first_seed + count), dataset)
            measured |= {(part.name, method, figure): values for figure, values in found.items()}
            report(f"{part.name}: {method}, {count} seeds, {time.perf_counter() - began:.1f} s")
    return measured, fingerprints
