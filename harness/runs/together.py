"""Runs that differ in their seed alone: their searches go together where they can, and each run is written as ever."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import takewhile

from harness.core.errors import HarnessError, Interrupted
from harness.runs.folder import RunFolder, claim_protocol, locked
from harness.runs.loop import stop_signals
from harness.runs.machine import deterministic, environment, retain_heap
from harness.runs.runner import Plan, finished, open_data
from methods.families import make_search
from methods.tabular import lockstep
from methods.tabular.search import TableSearch, TableState

MOST = 64
"""Searches that go together: more are no quicker, and the first run would be written later."""


class Ahead:
    """The searches of plans that come one after the other, in lockstep ahead of their turn."""

    def __init__(self, plans: Sequence[Plan], warn: Callable[[str], None]) -> None:
        self.plans, self.warn = list(plans), warn
        self._tried = 0
        self._ends: dict[int, TableState] = {}

    def end(self, place: int) -> TableState | None:
        """Where the search of the plan at this place ends, if it went with others. Raises Interrupted after SIGINT or
        SIGTERM, with the states saved."""
        if place >= self._tried:
            first = self.plans[place]
            alike = takewhile(lambda plan: _kind(plan) == _kind(first), self.plans[place : place + MOST])
            group = list(enumerate(alike, start=place))
            self._tried = place + len(group)
            self._ends = self._together([(number, plan) for number, plan in group if not _is_done(plan)])
        return self._ends.pop(place, None)

    def _together(self, group: Sequence[tuple[int, Plan]]) -> dict[int, TableState]:
        if len(group) < 2 or not group[0][1].space.table:
            return {}
        deterministic()
        retain_heap()
        plans, data = dict(group), open_data(group[0][1])
        searches: dict[int, TableSearch] = {}
        for number, plan in group:
            search = make_search(plan.parts, plan.space, data, plan.request.seed, plan.device, plan.request.budget)
            if not lockstep.fits(search):
                return {}
            searches[number] = search
        states: dict[int, TableState] = {}
        for number, search in searches.items():
            with suppress(HarnessError):  # which is told when its turn comes
                states[number] = _begun(plans[number], search, self.warn)
        saved_at = time.monotonic()
        with stop_signals() as stopped:
            while lockstep.advance(searches, states):
                if stopped or time.monotonic() - saved_at > group[0][1].request.checkpoint_seconds:
                    for number, state in states.items():
                        with suppress(HarnessError):
                            _save(plans[number], data.fingerprint, state, self.warn)
                    saved_at = time.monotonic()
                if stopped:
                    raise Interrupted(f"stopped; the states of {len(states)} searches are saved.")
        return states


def _kind(plan: Plan) -> str:
    """What plans have in common that differ in their seed alone."""
    request = plan.request
    return json.dumps([{**plan.spec, "seed": None}, str(request.results), request.again], sort_keys=True)


def _is_done(plan: Plan) -> bool:
    return not plan.request.again and finished(plan.folder) is not None


def _begun(plan: Plan, search: TableSearch, warn: Callable[[str], None]) -> TableState:
    """Where a checkpoint left the search, or its start."""
    if plan.request.again or not (plan.folder / "checkpoint.pt").exists():
        return search.start()
    with locked(plan.folder, wait=False) as lease:
        saved = RunFolder(plan.folder, warn, lease).load()
    return search.start() if saved is None else search.restore(saved)


def _save(plan: Plan, data: str, state: TableState, warn: Callable[[str], None]) -> None:
    claim_protocol(plan.request.results, plan.request.protocol)
    with locked(plan.folder, wait=False) as lease:
        folder = RunFolder(plan.folder, warn, lease)
        folder.open_spec(plan.spec, environment(plan.device, data), plan.code)
        folder.save(state.to_dict())
