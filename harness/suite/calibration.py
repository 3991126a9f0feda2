"""What a search will take on this machine, from a few real steps of one that is thrown away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from harness.machine import deterministic, memory_reported
from harness.memory import peak_memory
from harness.progress import steps_left
from harness.result import describe_result
from harness.runner import Plan, open_data
from methods.families import AnySearch, make_search
from methods.search import Search
from methods.state import State

ENOUGH = 1.0
"""Seconds of steps of one kind that are enough for its mean."""
MOST = 20
"""Steps of one kind that are enough."""


def measure(plan: Plan) -> dict[str, Any]:
    """The seconds that the whole search will take, its peak memory, and from how many steps that is known.

    Raises HarnessError where the data are not here, or what a search raises.
    """
    with memory_reported(plan.device):
        deterministic()  # imports much, which workers have done before
        began = time.perf_counter()
        dataset = open_data(plan, download=False)
        search = make_search(plan.parts, plan.space, dataset, plan.request.seed, plan.device, plan.request.budget)
        state = search.start()
        setup = time.perf_counter() - began
        seconds, count = _of_supernet(search, state) if isinstance(search, Search) else _of_any(search, state)
        began = time.perf_counter()
        describe_result(search, search.result(state), plan.space, plan.spec, dataset.classes)
        setup += time.perf_counter() - began
        memory, kind = peak_memory(plan.device)
    return {"seconds": setup + seconds, "memory": memory, "memory_kind": kind, "steps_timed": count}


def _of_any(search: AnySearch, state: Any) -> tuple[float, int]:
    """Seconds of all epochs, from the first ones, and of how many steps they were."""
    count, began = 0, time.perf_counter()
    while not state.stopped_by and (not state.epoch or time.perf_counter() - began < ENOUGH):
        state = search.advance(state)
        count += 1
    return (time.perf_counter() - began) * search.epochs / max(1, state.epoch), count


def _of_supernet(search: Search, state: State) -> tuple[float, int]:
    """The same. Steps that move alpha and steps that do not are timed apart, after one of each that is not counted,
    then the validation of one epoch."""
    plain, moving = steps_left(search, state)
    seconds, timed = 0.0, 0
    for moves_alpha, steps in ((False, plain), (True, moving)):
        if steps:
            pace, count = _pace(search, state, moves_alpha)
            seconds, timed = seconds + pace * steps, timed + count
    return seconds + _validation(search, state) * search.epochs, timed


def _pace(search: Search, state: State, moves_alpha: bool) -> tuple[float, int]:
    """Seconds per step that moves alpha, or does not, and of how many steps this is the mean."""
    where = _place(search, moves_alpha)
    _advance(search, state, where)
    count, began = 0, time.perf_counter()
    while count < MOST and time.perf_counter() - began < ENOUGH:
        _advance(search, state, where)
        count += 1
    return (time.perf_counter() - began) / count, count


def _place(search: Search, moves_alpha: bool) -> Mapping[str, int]:
    """The first epoch and step of this kind."""
    places = ((epoch, step) for epoch in range(search.epochs) for step in range(search.steps_per_epoch))
    epoch, step = next(place for place in places if search.moves_alpha(*place) == moves_alpha)
    return {"epoch": epoch, "step": step}


def _advance(search: Search, state: State, where: Mapping[str, int]) -> None:
    """One step as if the search were there, waiting for the device."""
    state.epoch, state.step = where["epoch"], where["step"]
    search.advance(state)
    search.check(state)


def _validation(search: Search, state: State) -> float:
    """Seconds of one validation: the last step of the first epoch leads to it."""
    before = state.cost.validation_seconds
    _advance(search, state, {"epoch": 0, "step": search.steps_per_epoch - 1})
    return state.cost.validation_seconds - before
