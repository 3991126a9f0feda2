"""One run: from what was asked to a finished run folder, through checkpoints.

Run the same request again and it resumes what is unfinished and returns what is done.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from harness import data
from harness.checkpoint import FORMAT
from harness.errors import HarnessError, Interrupted, unknown
from harness.files import read_object, write_atomic
from harness.genotype import Genotype, parse
from harness.machine import deterministic, environment, memory_reported, resolve_device
from harness.protocol import Protocol as SearchProtocol
from harness.result import describe_result
from harness.settings import parse_assignments
from harness.store import RunFolder, locked, spec_hash
from harness.types import Budget
from methods import METHODS
from methods.parts import Parts, all_settings
from methods.search import Search
from methods.state import State
from spaces import SPACES, Space

if TYPE_CHECKING:
    from methods.method import Method


@dataclass(frozen=True)
class Request:
    """What a user asked for."""

    method: str
    space: str
    dataset: str
    protocol: SearchProtocol
    seed: int = 0
    budget: Budget = field(default_factory=Budget)
    assignments: tuple[str, ...] = ()
    """`name=value` each."""
    device: str = "auto"
    data_root: Path | None = None
    results: Path = Path("results")
    checkpoint_seconds: float = 60.0
    """A checkpoint is written after every epoch, and within one when the last is so many seconds old."""


class Observer(Protocol):
    """Is told about the progress of a search."""

    def update(self, state: State, moved_alpha: bool, seconds: float) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    folder: Path
    result: Mapping[str, Any]
    resumed_from: int | None
    """The weight step a checkpoint was taken at; None where nothing was resumed."""
    was_done: bool
    """Whether the run had been finished before."""

    @property
    def genotype(self) -> Genotype:
        return parse(json.dumps(self.result["genotype"]))


@dataclass(frozen=True)
class Plan:
    """A request with everything resolved, before any data is read."""

    request: Request
    method: Method
    space: Space
    parts: Parts
    device: str
    spec: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        spec, request = self.spec, self.request
        name = f"{spec['method']}-{spec['space']}-{spec['dataset']}-s{spec['seed']}-{spec_hash(spec)[:8]}"
        return request.results / request.protocol.name / name


def plan(request: Request) -> Plan:
    """Resolves names and settings. Raises HarnessError for anything unknown, out of range or impossible here."""
    method = METHODS[request.method]
    if request.space not in SPACES:
        raise unknown("space", request.space, SPACES)
    space, dataset = SPACES[request.space], data.short_name(request.dataset)
    known = all_settings()
    for name in sorted(request.protocol.mentioned() - known):
        raise HarnessError(f"protocol {request.protocol.name}: {unknown('setting', name, sorted(known))}")
    layers = request.protocol.layers(request.method, request.space, dataset)
    parts = method.parts(space, request.budget, layers, parse_assignments(request.assignments))
    spec = {
        "format": FORMAT,
        "protocol": {"name": request.protocol.name, "version": request.protocol.version},
        "method": request.method,
        "parts": method.composition.parts,
        "space": request.space,
        "dataset": dataset,
        "dataset_files": data.file_digest(request.dataset),
        "split": data.content_digest(parts.data.split_file) if parts.data.split_file else None,
        "seed": request.seed,
        "budget": asdict(request.budget) | {"epochs": parts.training.epochs},
        "settings": parts.settings(),
    }
    return Plan(request, method, space, parts, resolve_device(request.device), spec)


def run(
    plan: Plan, warn: Callable[[str], None] = lambda message: None, observe: Callable[[Search], Observer] | None = None
) -> Outcome:
    """Carries a planned search to its end, resuming what is there.

    Raises Interrupted after SIGINT or SIGTERM, with the state saved; HarnessError for whatever else went wrong, with
    the last good state kept.
    """
    done = finished(plan.folder)
    if done is not None:
        return done
    with memory_reported(plan.device):
        return _search(plan, warn, observe)


def _search(plan: Plan, warn: Callable[[str], None], observe: Callable[[Search], Observer] | None) -> Outcome:
    request = plan.request
    deterministic()
    dataset = data.load(request.dataset, request.data_root, images=plan.parts.data.images)
    search = Search(plan.parts, plan.space, dataset, request.seed, plan.device, request.budget)
    claim_protocol(request)
    folder = RunFolder(plan.folder, warn)
    with locked(folder.path, wait=False):
        folder.open_spec(plan.spec, environment(plan.device, dataset.fingerprint))
        saved = folder.load()
        state = search.start() if saved is None else State.from_dict(saved, plan.device)
        resumed_from = None if saved is None else state.cost.weight_steps
        state = _drain(search, state, folder, request.checkpoint_seconds, observe(search) if observe else None)
        result = describe_result(search, state, plan.spec, dataset.classes)
        folder.finish(result)
        return Outcome(plan.folder, result, resumed_from, was_done=False)


def finished(folder: Path) -> Outcome | None:
    """The run in this folder, if it is done."""
    path = folder / "result.json"
    return Outcome(folder, read_object(path, "genotype", "cost", "how"), None, was_done=True) if path.exists() else None


def _drain(
    search: Search, state: State, folder: RunFolder, checkpoint_seconds: float, observer: Observer | None
) -> State:
    """Advances to the end, with a checkpoint after every epoch and whenever the last one is old."""
    saved_at, epoch = time.monotonic(), state.epoch
    with stop_signals() as stopped:
        while not state.stopped_by:
            updates, began = state.cost.alpha_steps, time.monotonic()
            state = search.advance(state)
            now = time.monotonic()
            if observer:
                observer.update(state, state.cost.alpha_steps > updates, now - began)
            over = state.epoch > epoch or state.stopped_by
            stopping = bool(stopped)  # asked once: a signal that comes during the save must wait for the next one
            if over or stopping or now - saved_at > checkpoint_seconds:
                search.check(state)
                folder.save(state.to_dict())
                saved_at, epoch = time.monotonic(), state.epoch
            if stopping and not state.stopped_by:
                raise Interrupted(f"stopped in epoch {state.epoch + 1}; the state is saved in {folder.path}.")
    return state


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """The first SIGINT or SIGTERM is noted in the list, for the search to end cleanly; a second one acts at once."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, previous[number])

    previous: dict[int, Any] = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def claim_protocol(request: Request) -> None:
    """Keeps a copy of the protocol beside its runs, and refuses to mix versions in one folder."""
    folder, protocol = request.results / request.protocol.name, request.protocol
    copy = folder / "protocol.toml"
    with locked(folder, wait=True):  # the runs of a suite begin together
        if not copy.exists():
            write_atomic(copy, protocol.text.encode())
        same = copy.read_bytes() == protocol.text.encode()
    if not same:
        raise HarnessError(
            f"{folder} holds runs of another version of protocol {protocol.name!r}: its copy, {copy}, differs from "
            f"this one, version {protocol.version}. Raise the version with a change, and use another --results folder."
        )
