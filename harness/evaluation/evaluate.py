"""One evaluation: from a run or a genotype to a finished evaluation file, through checkpoints or from the table.

Ask again, and what is unfinished is resumed and what is done is returned.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from harness import data, notations
from harness.core.errors import HarnessError, quoted, unknown
from harness.core.files import is_folder, read_object, read_shaped, weights_beside, write_atomic, write_json
from harness.core.genotype import Genotype, parse
from harness.core.settings import check_epochs, parse_assignments
from harness.core.shapes import DATA, DONE
from harness.core.untrusted import TEXT
from harness.evaluation.distributed import ProcessGroup, leads, local_device, processes, shared
from harness.evaluation.images import Source, open_source
from harness.evaluation.model import Model
from harness.evaluation.recipes import LOOKUP, RECIPES, Parts, Recipe, all_settings, recipe_for, trainings_of
from harness.evaluation.training import State, Trainer, final_network
from harness.runs import protocol as protocols
from harness.runs.checkpoint import FORMAT
from harness.runs.code import Code, code_of
from harness.runs.folder import RunFolder, begin_anew, cell_of, check_code, claim_protocol, locked, spec_hash
from harness.runs.lines import Lines
from harness.runs.logs import LOGGER
from harness.runs.loop import Observer, run_to_end, stopped_at_once
from harness.runs.machine import deterministic, environment, memory_reported, resolve_device
from harness.runs.observers import Together
from harness.runs.progress import EpochClock
from harness.runs.protocol import Protocol
from harness.runs.request import WorkRequest
from harness.runs.tables import check_made
from harness.tables import TABLES
from harness.tables.ground_truth import GroundTruth, opened
from harness.trackers import check as check_trackers
from harness.trackers.tracking import Tracking
from spaces import SPACES, Space
from spaces.counting import count
from spaces.published import PUBLISHED
from spaces.relations import space_of, table_of

DEFAULT_PROTOCOL = "proxy"
ELSEWHERE = "evaluations"
"""The folder of results with the evaluations that belong to no run."""


@dataclass(frozen=True)
class Request(WorkRequest):
    """The evaluation that a user asked for. None stands for the usual one: of the run that is evaluated, or of the
    family of cells."""

    target: str
    """A run folder, a genotype in any notation, or a published cell's name."""
    dataset: str | None = None
    recipe: str | None = None
    protocol: str | None = None
    epochs: int | None = None
    workers: int = 4
    """Processes that read images, where they are not in memory."""
    at_epoch: int | None = None
    """Evaluate the cell that the run had after so many epochs; None: the one that it found."""


@dataclass(frozen=True)
class Subject:
    """The cell to evaluate, and where it comes from."""

    genotype: Genotype
    space: str
    folder: Path | None = None
    """Of the run that found it."""

    @property
    def table(self) -> str:
        """The name of the table that holds the cell; empty where none does, or the space is not known here."""
        return table_of(SPACES[self.space]) if self.space in SPACES else ""


@dataclass(frozen=True)
class Training:
    """What a plan trains with."""

    recipe: Recipe
    parts: Parts
    dataset: str
    protocol: Protocol


@dataclass(frozen=True)
class Plan:
    """A request with everything resolved, before any data is read."""

    request: Request
    subject: Subject
    training: Training | None
    """None for a look-up."""
    device: str
    spec: Mapping[str, Any]

    @cached_property
    def code(self) -> Code:
        """The source files that decide the numbers; none for a look-up, whose table has a fingerprint."""
        if self.training is None:
            return {}
        return code_of([Trainer, *self.training.parts.by_name().values(), type(space_of(self.subject.genotype))])

    @property
    def name(self) -> str:
        spec, digest = self.spec, spec_hash(self.spec)[:8]
        if self.training is None:
            return f"evaluation-{spec['protocol']['name']}-{digest}"
        size = self.training.parts.network.size
        what = "validation" if spec["kind"] == "validation" else "evaluation"
        return f"{what}-{spec['protocol']['name']}-{spec['dataset']}-{size}-s{spec['seed']}-{digest}"

    @property
    def folder(self) -> Path:
        """What is needed to resume."""
        elsewhere = self.request.results / ELSEWHERE / self.spec["protocol"]["name"]
        return (self.subject.folder or elsewhere) / self.name

    @property
    def title(self) -> str:
        """The name, with that of the run that is evaluated, if any: unique among all runs and evaluations."""
        return f"{self.subject.folder.resolve().name}.{self.name}" if self.subject.folder else self.name

    @property
    def file(self) -> Path:
        """What was found: beside the run's result, or in the folder of an evaluation that belongs to no run."""
        return (self.subject.folder or self.folder) / f"{self.name}.json"

    @property
    def weights(self) -> Path:
        """The trained network of the last epoch, beside the evaluation."""
        return weights_beside(self.file)


@dataclass(frozen=True)
class Outcome:
    """A finished evaluation."""

    file: Path
    evaluation: Mapping[str, Any]
    resumed_from: int | None
    """The step a checkpoint was taken at; None where nothing was resumed."""
    was_done: bool
    """Whether it had been finished before."""


def plan(request: Request) -> Plan:
    """Resolves names and settings. Raises HarnessError for anything unknown, out of range or impossible here."""
    return plan_cell(request, find(request.target, request.at_epoch))


def plan_cell(request: Request, subject: Subject) -> Plan:
    """The same for a cell that is known, wherever from."""
    check_trackers(request.track)
    name = recipe_for(subject.genotype, request.recipe, subject.table)
    if name == LOOKUP:
        return _plan_lookup(request, subject)
    recipe = RECIPES[name].of(subject.genotype.family)
    protocol, dataset = _protocol(request, subject), _dataset(request, subject)
    if protocol.evaluation is None:
        raise HarnessError(
            f"protocol {quoted(protocol.name)} says nothing of evaluation; give its file an [evaluation] table."
        )
    for setting in sorted(protocol.evaluation.mentioned() - all_settings()):
        raise HarnessError(f"protocol {protocol.name}: {unknown('setting', setting, sorted(all_settings()))}")
    short = data.short_name(dataset)
    data.check_name(dataset)
    epochs = {} if request.epochs is None else {"epochs": request.epochs}
    given = parse_assignments(request.assignments)
    check_epochs(request.epochs, given)
    layers = protocol.evaluation.layers(name, subject.space, short)
    parts = recipe.parts(layers, {**given, **epochs})
    spec = {
        "format": FORMAT,
        "kind": parts.kind,
        "protocol": {"name": protocol.name, "version": protocol.version},
        "recipe": name,
        "genotype": subject.genotype.to_json(),
        "dataset": short,
        "dataset_files": data.file_digest(dataset),
        "seed": request.seed,
        "processes": processes(),
        "settings": parts.settings(),
    }
    device = local_device(resolve_device(request.device))
    return Plan(request, subject, Training(recipe, parts, dataset, protocol), device, spec)


def _plan_lookup(request: Request, subject: Subject) -> Plan:
    """Its protocol is named after the table and the length of training."""
    benchmark = TABLES[subject.table]
    given = {
        "--dataset": request.dataset,
        "--protocol": request.protocol,
        "--epochs": request.epochs,
        "--seed": request.seed,  # 0 is that of whoever names none
        "--set": request.assignments,
    }
    if named := [option for option, value in given.items() if value]:
        trained = " or ".join(f"--recipe {name}" for name in trainings_of(subject.genotype))
        raise HarnessError(
            f"{' and '.join(named)}: a {benchmark.title} cell is looked up, which takes no such thing; leave it out"
            + (f", or train the cell with {trained}." if trained else ".")
        )
    protocol = {"name": f"{subject.table}-{max(benchmark.epochs)}", "version": 1}
    spec = {"format": FORMAT, "kind": "lookup", "protocol": protocol, "genotype": subject.genotype.to_json()}
    return Plan(request, subject, None, "cpu", spec)


def find(target: str, at_epoch: int | None = None) -> Subject:
    """The cell that is meant. Raises HarnessError for what is none, and for a run that is not done."""
    if at_epoch is not None and not is_folder(target):
        raise HarnessError(f"--at-epoch chooses among the cells of a run, and {quoted(target)} is no run folder.")
    if target in PUBLISHED:
        genotype = PUBLISHED[target].genotype
        return Subject(genotype, space_of(genotype).name)
    folder = Path(target)
    if not is_folder(target):
        if notations.looks_like(target):
            genotype = notations.parse(target)
            return Subject(genotype, space_of(genotype).name)
        raise HarnessError(
            f"{quoted(target)} is neither a run folder nor a genotype; known cells: {', '.join(PUBLISHED)}."
        )
    if not (folder / "result.json").exists():
        raise HarnessError(f"{folder} has no result.json: it is no run folder, or its run is not done.")
    space = read_shaped(folder / "result.json", {"space": TEXT})["space"]
    return Subject(parse(json.dumps(cell_of(folder, at_epoch))), space, folder)


def _protocol(request: Request, subject: Subject) -> Protocol:
    """The one asked for, else that of the run, from the copy beside it."""
    if request.protocol is not None:
        return protocols.load(request.protocol)
    if subject.folder is None:
        return protocols.load(DEFAULT_PROTOCOL)
    copy = subject.folder.absolute().parent / "protocol.toml"
    if not copy.exists():
        raise HarnessError(f"{copy} with the run's protocol is not there; name a protocol with --protocol.")
    return protocols.load(str(copy))


def _dataset(request: Request, subject: Subject) -> str:
    """The one asked for, else that of the run. Raises HarnessError where that cannot be known."""
    if request.dataset is not None:
        return request.dataset
    if subject.folder is None:
        raise HarnessError("name the data to train on with --dataset; see `harness list datasets`.")
    spec = read_shaped(subject.folder / "spec.json", {"spec": DATA})["spec"]
    if spec.get("dataset_files") is not None:
        raise HarnessError(f"{subject.folder} was searched on data given by path; give that path with --dataset.")
    return str(spec["dataset"])


def run(
    plan: Plan,
    warn: Callable[[str], None] = LOGGER.warning,
    observe: Callable[[Trainer], Observer[State]] | None = None,
) -> Outcome:
    """Carries a planned evaluation to its end, resuming what is there. Every epoch is a line of the logger `harness`.

    Raises Interrupted after SIGINT or SIGTERM, with the state saved; HarnessError for whatever else went wrong, with
    the last good state kept.
    """
    if plan.request.again and leads():
        begin_anew(plan.folder, plan.file, plan.code, plan.weights)
    if plan.training is None:
        return _looked_up(plan) or _look_up(plan, warn)
    with memory_reported(plan.device), shared(plan.device) as group:
        return group.broadcast(_finished(plan)) or _train(plan, plan.training, group, warn, observe)


def _finished(plan: Plan) -> Outcome | None:
    """The planned evaluation, if it is done. Raises HarnessError where other code made it."""
    done = finished(plan.file)
    if done is not None and (plan.folder / "spec.json").exists():
        check_code(plan.folder, plan.code)
    return done


def _looked_up(plan: Plan) -> Outcome | None:
    """The planned look-up, if it is done. Raises HarnessError where it was done in another table."""
    done = finished(plan.file)
    if done is not None:
        check_made(plan.file, done.evaluation.get("fingerprint"), plan.subject.table)
    return done


def finished(file: Path) -> Outcome | None:
    """The evaluation in this file, if there is one."""
    return Outcome(file, read_shaped(file, DONE), None, was_done=True) if file.exists() else None


def _look_up(plan: Plan, warn: Callable[[str], None]) -> Outcome:
    subject = plan.subject
    truth, genotype, space = opened(TABLES[subject.table]), subject.genotype, SPACES[subject.space]
    accuracies = truth.accuracies(genotype)
    size, how_counted = _size_by_table(space, genotype, truth) if space.has_networks else ({}, {})
    evaluation = {
        **{key: plan.spec[key] for key in ("kind", "protocol", "genotype")},
        "notation": str(genotype),
        **size,
        "accuracies": accuracies,
        "table": dict(truth.provenance),
        "fingerprint": truth.fingerprint,
        "how": {"accuracies": truth.how, **how_counted},
    }
    with locked(plan.folder, wait=False):
        RunFolder(plan.folder, warn).open_spec(plan.spec, environment("cpu", str(truth.provenance)), plan.code)
        write_json(plan.file, evaluation)
        with _tracking(plan, warn) as tracking:
            tracking.tell([{"accuracies": accuracies}])
            tracking.finish(genotype)
    return Outcome(plan.file, evaluation, None, was_done=False)


def _size_by_table(space: Space, genotype: Genotype, truth: GroundTruth) -> tuple[dict[str, Any], dict[str, str]]:
    """What the benchmark's network for its first data set has, and how that was counted."""
    final, (first, classes) = space.final, next(iter(truth.datasets.items()))
    counted = count(space.network(genotype, final.channels, final.cells, classes), image_size=32)
    size = {"parameters": counted.parameters, "macs": counted.macs, "size": f"{final.cells}x{final.channels}"}
    return size, {
        "parameters": f"the benchmark's network for {first}",
        "macs": "convolutions and linear layers of that network on one image of side 32",
    }


def _tracking(plan: Plan, warn: Callable[[str], None]) -> Tracking:
    spec = {**plan.spec, "genotype": str(plan.subject.genotype)}
    return Tracking(plan.request.track, plan.folder, plan.title, spec, warn)


class _Bystander(RunFolder):
    """The folder as those processes see it that do not write it."""

    def save(self, state: Mapping[str, Any]) -> None:
        pass


def _train(
    plan: Plan,
    training: Training,
    group: ProcessGroup,
    warn: Callable[[str], None],
    observe: Callable[[Trainer], Observer[State]] | None,
) -> Outcome:
    deterministic()
    source = _open(plan, training, group)
    for notice in source.notices if group.leads else ():
        warn(notice)
    request, genotype = plan.request, plan.subject.genotype
    trainer = Trainer(genotype, training.recipe, training.parts, source, request.seed, plan.device, group)
    if group.leads and plan.subject.folder is None:
        claim_protocol(request.results / ELSEWHERE, training.protocol)
    machine = environment(plan.device, source.fingerprint)
    with locked(plan.folder, wait=False) if group.leads else nullcontext() as lease:
        done: Outcome | None = group.broadcast(_finished(plan))
        if done is not None:
            return done  # another process finished it while this one read the data
        folder = RunFolder(plan.folder, warn, lease) if group.leads else _Bystander(plan.folder, warn)
        saved = None
        if group.leads:
            folder.open_spec(plan.spec, machine, plan.code)
            saved = folder.load()
        saved = group.broadcast(saved)
        state = trainer.start() if saved is None else State.from_dict(saved, plan.device)
        resumed_from = None if saved is None else state.cost.steps
        with _tracking(plan, warn) if group.leads else nullcontext() as tracking:
            observers: list[Observer[State]] = []
            if tracking:
                epochs = training.parts.training.epochs
                lines = Lines(plan.title, epochs, EpochClock(epochs, state.epoch), len(state.records))
                observers = [lines, tracking, *([observe(trainer)] if observe else [])]
            state = run_to_end(trainer, state, folder, request.checkpoint_seconds, Together(observers), group.any)
            evaluation = describe_training(plan, training, source, state, machine["device"])
            if tracking:
                trained = _trained(plan, training, source, trainer.named_weights(state), evaluation, machine)
                write_atomic(plan.weights, trained.pack())  # first: the evaluation says that all is done
                write_json(plan.file, evaluation)
                tracking.finish(genotype)
        return Outcome(plan.file, evaluation, resumed_from, was_done=False)


def _trained(
    plan: Plan,
    training: Training,
    source: Source,
    weights: Mapping[str, Tensor],
    evaluation: Mapping[str, Any],
    machine: Mapping[str, Any],
) -> Model:
    """The network as it may leave the results."""
    return Model(
        plan.subject.genotype,
        training.recipe.stem,
        training.parts.network.size,
        source.class_names,
        source.image_size,
        source.normalisation,
        weights,
        evaluation,
        _origin(plan),
        {name: machine[name] for name in ("harness", "commit", "torch")},
    )


def _origin(plan: Plan) -> dict[str, Any] | None:
    """The search that found the cell, for whoever has the network and not the run."""
    if plan.subject.folder is None:
        return None
    result = read_object(plan.subject.folder / "result.json")
    named = {name: result.get(name) for name in ("method", "space", "dataset", "seed")}
    return named | {"after_epochs": plan.request.at_epoch}


def _open(plan: Plan, training: Training, group: ProcessGroup) -> Source:
    """The images; the leading process goes first, and fetches what is absent. Raises Interrupted where it is stopped
    before they are there."""

    def opened() -> Source:
        request = plan.request
        with stopped_at_once():  # they may be fetched first
            return open_source(training.parts.data, training.dataset, request.data_root, plan.device, request.workers)

    first = opened() if group.leads else None
    group.broadcast(None)
    return first or opened()


def describe_training(plan: Plan, training: Training, source: Source, state: State, device: str) -> dict[str, Any]:
    """The evaluation file of a finished training: every figure, and how it was got."""
    network, spec = training.parts.network, plan.spec
    counted = count(
        final_network(plan.subject.genotype, training.recipe, training.parts, source.classes), source.image_size
    )
    last = state.records[-1]
    best = min(state.records, key=lambda record: record["test_error"])
    trained, tested = source.counts
    on = "test images" if spec["kind"] == "training" else "training images that were held out, in place of test images,"
    size = space_of(plan.subject.genotype).in_words(network.channels, network.cells)
    return {
        **{key: spec[key] for key in ("kind", "protocol", "recipe", "dataset", "dataset_files", "genotype", "seed")},
        "notation": str(plan.subject.genotype),
        "classes": source.classes,
        "size": network.size,
        "parameters": counted.parameters,
        "macs": counted.macs,
        "test_error_last": last["test_error"],
        "test_error_best": best["test_error"],
        "best_epoch": best["epoch"],
        "train_error_last": last["train_error"],
        "epochs": state.epoch,
        "images": {"train": trained, "test": tested},
        "cost": asdict(state.cost) | {"device": device, "processes": spec["processes"]},
        "settings": spec["settings"],
        "weights": plan.weights.name,
        "how": {
            "test_error_last": f"percent of {tested:,} {on} after the last of {state.epoch} epochs",
            "test_error_best": "the lowest over all epochs, selected on these images themselves: as the ZARTS code "
            "reports, and lower than an unbiased figure",
            "best_epoch": "the first epoch with that error, counted from 0 as in records.jsonl",
            "train_error_last": f"percent of {trained:,} training images, augmented, in train mode, in the last epoch",
            "parameters": f"final network, {size}, {source.classes} classes, {training.recipe.stem} stem, without "
            "auxiliary head",
            "macs": f"convolutions and linear layers of that network on one image of side {source.image_size}",
            "cost": "seconds: wall time of training steps, without tests, checkpoints and loading; "
            f"peak_memory: {state.cost.memory_kind}, bytes"
            + (", of the first process" if spec["processes"] > 1 else ""),
        },
    }
