"""Runs that differ in their seed alone: their searches go together where they can, and each run is written as ever."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from harness.core.errors import HarnessError, Interrupted
from harness.runs.folder import RunFolder, begin_anew, claim_protocol, locked
from harness.runs.loop import stop_signals
from harness.runs.machine import deterministic, environment, retain_heap
from harness.runs.runner import Plan, finished, open_data
from methods.families import make_search
from methods.tabular import lockstep
from methods.tabular.search import TableSearch, TableState

MOST = 64
"""Searches that go together: more are no quicker, and the first run would be written later."""


class Ahead:
    """The searches of plans that come one after the other, in lockstep ahead of their turn. Their folders are held
    until then, or the end of `with Ahead(...)`."""

    def __init__(self, plans: Sequence[Plan], warn: Callable[[str], None]) -> None:
        self.plans, self.warn = list(plans), warn
        self._tried = 0
        self._ends: dict[int, TableState] = {}
        self._held: dict[int, _Held] = {}

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *error: object) -> None:
        """What has not had its turn is saved."""
        for place in list(self._held):
            if place in self._ends:
                self._save(place, self._ends[place])
            self._release(place)

    def end(self, place: int) -> TableState | None:
        """Where the search of the plan at this place ends, if it went with others, and its folder free again. Raises
        Interrupted after SIGINT or SIGTERM, with the states saved."""
        if place >= self._tried:
            first = self.plans[place]
            alike = takewhile(lambda plan: _kind(plan) == _kind(first), self.plans[place : place + MOST])
            group = list(enumerate(alike, start=place))
            self._tried = place + len(group)
            self._ends = self._together([(number, plan) for number, plan in group if _is_to_do(plan)])
        self._release(place)
        return self._ends.pop(place, None)

    def _release(self, place: int) -> None:
        if place in self._held:
            self._held.pop(place).lock.close()

    def _together(self, group: Sequence[tuple[int, Plan]]) -> dict[int, TableState]:
        if len(group) < 2 or not group[0][1].space.table:
            return {}
        deterministic()
        retain_heap()
        data = open_data(group[0][1])
        searches: dict[int, TableSearch] = {}
        for number, plan in group:
            search = make_search(plan.parts, plan.space, data, plan.request.seed, plan.device, plan.request.budget)
            if not lockstep.fits(search):
                return {}
            searches[number] = search
        states: dict[int, TableState] = {}
        for number, search in searches.items():
            with suppress(Exception):  # which is told when its turn comes
                self._held[number] = _held(self.plans[number], self.warn, data.fingerprint)
                states[number] = _begun(self._held[number].folder, search)
        saved_at = time.monotonic()
        with stop_signals() as stopped:
            while lockstep.advance(searches, states):
                if stopped or time.monotonic() - saved_at > group[0][1].request.checkpoint_seconds:
                    for number, state in states.items():
                        self._save(number, state)
                    saved_at = time.monotonic()
                if stopped:
                    raise Interrupted(f"stopped; the states of {len(states)} searches are saved.")
        return states

    def _save(self, place: int, state: TableState) -> None:
        plan, held = self.plans[place], self._held[place]
        with suppress(HarnessError):  # as above
            held.folder.open_spec(plan.spec, held.environment, plan.code)
            held.folder.save(state.to_dict())


def _kind(plan: Plan) -> str:
    """What plans have in common that differ in their seed alone."""
    request = plan.request
    return json.dumps([{**plan.spec, "seed": None}, str(request.results), request.again], sort_keys=True)


def _is_to_do(plan: Plan) -> bool:
    """False where it is done, or where its result cannot be read, which is told when its turn comes."""
    with suppress(HarnessError):
        return plan.request.again or finished(plan.folder) is None
    return False


@dataclass(frozen=True)
class _Held:
    """A run folder that nobody else works in until the lock is closed."""

    folder: RunFolder
    environment: Mapping[str, Any]
    lock: ExitStack


def _held(plan: Plan, warn: Callable[[str], None], data: str) -> _Held:
    """Sets aside what is to be done anew. Raises HarnessError as the run itself would."""
    if plan.request.again:
        begin_anew(plan.folder, plan.folder / "result.json", plan.code)
    claim_protocol(plan.request.results, plan.request.protocol)
    lock = ExitStack()
    folder = RunFolder(plan.folder, warn, lock.enter_context(locked(plan.folder, wait=False)))
    return _Held(folder, environment(plan.device, data), lock)


def _begun(folder: RunFolder, search: TableSearch) -> TableState:
    """Where a checkpoint left the search, or its start."""
    saved = folder.load()
    return search.start() if saved is None else search.restore(saved)
