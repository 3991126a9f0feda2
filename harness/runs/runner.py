"""One run: from what was asked to a finished run folder, through checkpoints.

Run the same request again and it resumes what is unfinished and returns what is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import data
from harness.core.errors import HarnessError, unknown
from harness.core.files import read_shaped
from harness.core.genotype import Genotype, parse
from harness.core.settings import check_epochs, parse_assignments
from harness.core.shapes import FINISHED
from harness.core.types import Budget
from harness.runs.checkpoint import FORMAT
from harness.runs.code import Code, code_of
from harness.runs.folder import RunFolder, begin_anew, check_code, claim_protocol, locked, spec_hash
from harness.runs.images import open_images
from harness.runs.lines import Lines
from harness.runs.logs import LOGGER
from harness.runs.loop import Observer, run_to_end, stopped_at_once
from harness.runs.machine import deterministic, environment, memory_reported, resolve_device, retain_heap
from harness.runs.observers import Together
from harness.runs.progress import clock
from harness.runs.protocol import Protocol, shipped_names
from harness.runs.request import WorkRequest
from harness.runs.result import describe_result
from harness.runs.tables import check_run
from harness.trackers import check as check_trackers
from harness.trackers.tracking import Tracking
from methods import METHODS
from methods.families import AnyParts, AnySearch, AnyState, all_settings, check_on_table, make_search, search_type
from methods.tabular.data import TableData
from methods.tabular.data import open_data as open_table
from methods.training.data import Data
from spaces import SPACES, Space

if TYPE_CHECKING:
    from harness.data import ImageDataset, StreamedDataset
    from methods.method import Method


@dataclass(frozen=True)
class Request(WorkRequest):
    """The search that a user asked for."""

    method: str
    space: str
    dataset: str
    protocol: Protocol
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    folder: Path
    result: Mapping[str, Any]
    resumed_from: int | None
    """The step of the search that a checkpoint was taken at; None where nothing was resumed."""
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
    parts: AnyParts
    device: str
    spec: Mapping[str, Any]

    @cached_property
    def code(self) -> Code:
        """The source files that decide the numbers."""
        return code_of([search_type(self.parts), *self.parts.by_name().values(), self.space])

    @property
    def folder(self) -> Path:
        spec, request = self.spec, self.request
        name = f"{spec['method']}-{spec['space']}-{spec['dataset']}-s{spec['seed']}-{spec_hash(spec)[:8]}"
        return request.results / request.protocol.name / name


def plan(request: Request) -> Plan:
    """Resolves names and settings. Raises HarnessError for anything unknown, out of range or impossible here."""
    check_trackers(request.track)
    method = METHODS[request.method]
    space = SPACES[request.space]
    dataset = request.dataset if space.table else data.short_name(request.dataset)
    _check_dataset(request.dataset, space)
    _check_names(request.protocol)
    layers = request.protocol.layers(method.name, request.space, dataset)
    given = parse_assignments(request.assignments)
    check_epochs(request.budget.epochs, given)
    parts = method.parts(space, request.budget, layers, given)
    settings = {name: value for values in parts.settings().values() for name, value in values.items()}
    spec = {
        "format": FORMAT,
        "protocol": {"name": request.protocol.name, "version": request.protocol.version},
        "method": method.name,
        "parts": method.composition.parts,
        "space": request.space,
        "dataset": dataset,
        "dataset_files": None if space.table else data.file_digest(request.dataset),
        "split": data.content_digest(settings["split_file"]) if settings.get("split_file") else None,
        "seed": request.seed,
        "budget": request.budget.to_json(settings["epochs"]),
        "settings": parts.settings(),
        **priced_by(parts, space),
    }
    return Plan(request, method, space, parts, resolve_device(request.device), spec)


def _check_dataset(dataset: str, space: Space) -> None:
    """Raises HarnessError for a data set that is not known."""
    if space.table:
        check_on_table(dataset, space)
    else:
        data.check_name(dataset)


def _check_names(protocol: Protocol) -> None:
    """Raises HarnessError for a setting that no method has. Those that a shipped protocol names are known without
    asking what declares them, for which every part would have to be imported."""
    for name in sorted(protocol.mentioned() - shipped_names()):
        if name not in all_settings():
            raise HarnessError(f"protocol {protocol.name}: {unknown('setting', name, sorted(all_settings()))}")


def priced_by(parts: AnyParts, space: Space) -> dict[str, Any]:
    """The part of a spec that tells the files of costs that an objective is made of; nothing where it has none."""
    digests = parts.price.digests(space)
    return {"costs": digests} if digests else {}


def run(
    plan: Plan,
    warn: Callable[[str], None] = LOGGER.warning,
    observe: Callable[[AnySearch], Observer[AnyState]] | None = None,
    end: AnyState | None = None,
) -> Outcome:
    """Carries a planned search to its end, resuming what is there. Every epoch is a line of the logger `harness`. `end`
    is where it ends, if that is known already; whoever knows has set aside what was there.

    Raises Interrupted after SIGINT or SIGTERM, with the state saved; HarnessError for whatever else went wrong, with
    the last good state kept.
    """
    if plan.request.again and end is None:
        begin_anew(plan.folder, plan.folder / "result.json", plan.code)
    done = _finished(plan)
    if done is not None:
        return done
    with memory_reported(plan.device):
        return _search(plan, warn, observe, end)


def _search(
    plan: Plan,
    warn: Callable[[str], None],
    observe: Callable[[AnySearch], Observer[AnyState]] | None,
    end: AnyState | None,
) -> Outcome:
    request = plan.request
    deterministic()
    retain_heap()
    dataset = open_data(plan, warn=warn)
    search = make_search(plan.parts, plan.space, dataset, request.seed, plan.device, request.budget)
    claim_protocol(request.results, request.protocol)
    with locked(plan.folder, wait=False) as lease:
        done = _finished(plan)
        if done is not None:
            return done  # another process finished it while this one read the data
        folder = RunFolder(plan.folder, warn, lease)
        folder.open_spec(plan.spec, environment(plan.device, dataset.fingerprint), plan.code)
        saved = folder.load()
        state = search.start() if saved is None else search.restore(saved)
        resumed_from = None if saved is None else state.cost.steps
        lines = Lines(plan.folder.name, search.epochs, clock(search, state), len(state.records))
        with Tracking(request.track, plan.folder, plan.folder.name, plan.spec, warn) as tracking:
            observers: Together[AnyState] = Together([lines, tracking, *([observe(search)] if observe else [])])
            if end is not None:
                state = end
                folder.save(state.to_dict())
                observers.update(state, state.cost.seconds)
            state = run_to_end(search, state, folder, request.checkpoint_seconds, observers)
            found = search.result(state)
            result = describe_result(search, found, plan.space, plan.spec, dataset.classes)
            folder.finish(result)
            tracking.finish(found.genotype)
        return Outcome(plan.folder, result, resumed_from, was_done=False)


def open_data(
    plan: Plan, download: bool = True, warn: Callable[[str], None] = lambda message: None
) -> ImageDataset | StreamedDataset | TableData:
    """What the plan searches on: the table's data set of that name, or images, with a warning of what was chosen or
    left out of them. Raises Interrupted where it is stopped before they are there."""
    request = plan.request
    if plan.space.table:
        return open_table(request.dataset, plan.space.table)
    part = next(part for part in plan.parts.by_name().values() if isinstance(part, Data))
    with stopped_at_once():  # they may be fetched first
        images = open_images(part, request.dataset, request.data_root, download)
    for notice in images.notices:
        warn(notice)
    return images


def _finished(plan: Plan) -> Outcome | None:
    """The planned run, if it is done. Raises HarnessError where other code made it, or where it is of another table."""
    done = finished(plan.folder)
    if done is not None:
        check_code(plan.folder, plan.code)
        if plan.space.table:
            check_run(plan.folder, plan.space.table)
    return done


def finished(folder: Path) -> Outcome | None:
    """The run in this folder, if it is done."""
    path = folder / "result.json"
    return Outcome(folder, read_shaped(path, FINISHED), None, was_done=True) if path.exists() else None
