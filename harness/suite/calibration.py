"""What a cell will take on this machine, from a few real steps of a search or a training that is thrown away."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from harness.core.memory import peak_memory
from harness.evaluation import evaluate
from harness.evaluation.distributed import ProcessGroup
from harness.evaluation.images import open_source
from harness.evaluation.training import Trainer
from harness.runs import runner
from harness.runs.machine import deterministic, memory_reported
from harness.runs.progress import steps_left
from harness.runs.result import describe_result
from harness.tables import TABLES
from harness.tables.ground_truth import opened
from methods.families import AnySearch, make_search
from methods.search.search import Search
from methods.search.selecting import Selecting
from methods.search.state import State
from methods.tabular import lockstep
from methods.tabular.search import TableSearch, TableState

ENOUGH = 1.0
"""Seconds of steps of one kind that are enough for its mean."""
MOST = 20
"""Steps of one kind that are enough."""


def measure(plan: runner.Plan | evaluate.Plan, together: int = 1) -> dict[str, Any]:
    """The seconds that the whole cell will take, its peak memory, and from how many steps that is known. `together`:
    so many searches that differ in their seed alone will be done at once, of which it is one.

    Raises HarnessError where the data are not here, or what the cell itself raises.
    """
    with memory_reported(plan.device):
        deterministic()  # imports much, which workers have done before
        seconds, count = _of_search(plan, together) if isinstance(plan, runner.Plan) else _of_evaluation(plan)
        memory, kind = peak_memory(plan.device)
    return {"seconds": seconds, "memory": memory, "memory_kind": kind, "steps_timed": count}


def _of_search(plan: runner.Plan, together: int) -> tuple[float, int]:
    """Seconds from loading to the result, and of how many steps that is known."""
    began = time.perf_counter()
    dataset = runner.open_data(plan, download=False)
    searches = [
        make_search(plan.parts, plan.space, dataset, plan.request.seed + number, plan.device, plan.request.budget)
        for number in range(together)
    ]
    states = [search.start() for search in searches]
    setup = (time.perf_counter() - began) / together
    search, state = searches[0], states[0]
    alike = [each for each in searches if lockstep.fits(each)]  # all, or none
    if len(alike) > 1:
        seconds, count = _of_many(alike, states)
    else:
        seconds, count = _of_supernet(search, state) if isinstance(search, Search) else _of_any(search, state)
    began = time.perf_counter()
    describe_result(search, search.result(state), plan.space, plan.spec, dataset.classes)
    return setup + seconds + time.perf_counter() - began, count


def _of_evaluation(plan: evaluate.Plan) -> tuple[float, int]:
    """The same."""
    began, training, request = time.perf_counter(), plan.training, plan.request
    if training is None:
        opened(TABLES[plan.subject.table])
        return time.perf_counter() - began, 0
    data, name = training.parts.data, training.dataset
    source = open_source(data, name, request.data_root, plan.device, request.workers, download=False)
    genotype = plan.subject.genotype
    trainer = Trainer(genotype, training.recipe, training.parts, source, request.seed, plan.device, ProcessGroup())
    state = trainer.start()
    setup = time.perf_counter() - began
    pace, count = _pace(trainer, state, {"epoch": 0, "step": 0})
    _advance(trainer, state, {"epoch": 0, "step": trainer.steps_per_epoch - 1})
    epoch = trainer.steps_per_epoch * pace + state.cost.test_seconds / len(state.records)
    return setup + training.parts.training.epochs * epoch, count


def _of_any(search: AnySearch, state: Any) -> tuple[float, int]:
    """Seconds of all epochs, from the first ones, and of how many steps they were."""
    count, began = 0, time.perf_counter()
    while not state.stopped_by and (not state.epoch or time.perf_counter() - began < ENOUGH):
        state = search.advance(state)
        count += 1
    return (time.perf_counter() - began) * search.epochs / max(1, state.epoch), count


def _of_many(searches: Sequence[TableSearch], states: Sequence[TableState]) -> tuple[float, int]:
    """The same for each of several in lockstep."""
    going, count, began = dict(enumerate(states)), 0, time.perf_counter()
    while lockstep.advance(dict(enumerate(searches)), going):
        count += len(going)
        if time.perf_counter() - began > ENOUGH:
            break
    if not going:
        return _of_any(searches[0], states[0])  # which tells what is wrong
    spent = time.perf_counter() - began
    return spent / len(states) * searches[0].epochs / max(1, states[0].epoch), count


def _of_supernet(search: Search, state: State) -> tuple[float, int]:
    """The same; of a supernet that shrinks on its way, at its first size.

    Steps that move alpha and steps that do not are timed apart, after one of each that is not counted; then the
    validation of one epoch, and the candidates of a search after training.
    """
    plain, moving = steps_left(search, state)
    seconds, timed = 0.0, 0
    for moves_alpha, steps in ((False, plain), (True, moving)):
        if steps:
            pace, count = _pace(search, state, _place(search, moves_alpha))
            seconds, timed = seconds + pace * steps, timed + count
    seconds += _validation(search, state) * search.epochs
    if search.selecting:
        pace, count = _of_candidates(search, search.selecting, state)
        seconds, timed = seconds + pace * search.selecting.ranking.ranked, timed + count
    return seconds, timed


def _of_candidates(search: Search, selecting: Selecting, state: State) -> tuple[float, int]:
    """Seconds per candidate of the search after training, as if that was over, and of how many this is the mean; those
    that are scored for longer, as RSPS' finalists, count as the others."""
    if not state.selection:
        selecting.begin(state, partial(search.strengths, state))
    return _pace(search, state, {"epoch": search.epochs, "step": 0})


def _pace(process: Search | Trainer, state: Any, where: Mapping[str, int]) -> tuple[float, int]:
    """Seconds per step of the kind that is made there, and of how many steps this is the mean."""
    _advance(process, state, where)
    count, began = 0, time.perf_counter()
    while count < MOST and time.perf_counter() - began < ENOUGH:
        _advance(process, state, where)
        count += 1
    return (time.perf_counter() - began) / count, count


def _place(search: Search, moves_alpha: bool) -> Mapping[str, int]:
    """The first epoch and step of this kind."""
    places = ((epoch, step) for epoch in range(search.epochs) for step in range(search.steps(epoch)))
    epoch, step = next(place for place in places if search.moves_alpha(*place) == moves_alpha)
    return {"epoch": epoch, "step": step}


def _advance(process: Search | Trainer, state: Any, where: Mapping[str, int]) -> None:
    """One step as if the process were there, waiting for the device."""
    state.epoch, state.step = where["epoch"], where["step"]
    process.advance(state)
    process.check(state)


def _validation(search: Search, state: State) -> float:
    """Seconds of one validation: the last step of the first epoch leads to it."""
    before = state.cost.validation_seconds
    _advance(search, state, {"epoch": 0, "step": search.steps(0) - 1})
    return state.cost.validation_seconds - before
