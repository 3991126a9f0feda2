"""The cells of a suite on disk: which folder each works in, and which file it leaves.

The name of a run folder holds the hash of everything that decides its outcome, which takes the methods, and so torch,
to work out. The names are kept in the cache, under a digest of all that they depend on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness import data
from harness.core.errors import HarnessError
from harness.core.files import cache_root, make_folder, read_json, read_object, weights_beside, write_json
from harness.core.registry import add_plugins, installed_modules, plugin_names
from harness.core.shapes import MADE_BY, PLACES
from harness.core.untrusted import check
from harness.data import DATASETS
from harness.runs import protocol
from harness.runs.code import digest_of
from harness.runs.folder import cell_of, read_spec, set_aside, spec_hash
from harness.runs.tables import OtherTable, check_made, check_run
from harness.suite import definition
from harness.suite.definition import EvaluationCell, SearchCell, SelectionCell, SuiteCell
from harness.suite.requests import Equipment, EvaluationRequest, Request, SearchesRequest, SearchRequest
from harness.suite.selecting import Candidate, chosen_in, selected
from harness.tables.costs import cache_digest
from spaces import SPACES
from spaces.relations import table_of

SHOWN = 3
"""Mistakes in a suite that one message names."""


@dataclass(frozen=True)
class Cell:
    """A cell of a suite, and where it stands on disk, relative to the results folder."""

    asked: SuiteCell
    folder: str
    """Of the run; where a selection chooses that, the selection's name."""
    evaluation: Mapping[str, Any] | None = None
    """Of an evaluation the beginning of its file's name, and its spec without the genotype, which the search finds."""
    code: str = ""
    """Of the source files that decide its numbers; empty where none do."""
    selection: Selection | None = None
    """What chooses the run that is evaluated, if it is chosen."""
    on_table: bool = False
    """Whether it is a search on a table."""

    @property
    def search(self) -> SearchCell:
        return self.asked if isinstance(self.asked, SearchCell) else self.asked.search

    @property
    def protocol(self) -> str:
        return self.asked.protocol or self.search.protocol

    @property
    def kind(self) -> str:
        return "search" if self.evaluation is None else "evaluation"

    @property
    def name(self) -> str:
        """Unique within a results folder, known from the beginning: what logs are called."""
        if self.evaluation is None:
            return self.folder
        cell = "" if self.at_epoch is None else f"-epoch{self.at_epoch}"
        return f"{self.folder}.{self.evaluation['name']}-{spec_hash(self.evaluation['spec'])[:8]}{cell}"

    @property
    def kin(self) -> SearchCell | None:
        """What it has in common with searches that one process does with it: those that differ in their seed alone, and
        take seconds each; None where it is done alone."""
        return replace(self.search, seed=0) if self.on_table else None

    @property
    def at_epoch(self) -> int | None:
        """After which epoch of the search an evaluation takes its cell; None: after the last."""
        return self.asked.at_epoch if isinstance(self.asked, EvaluationCell) else None

    @property
    def training_seed(self) -> int | None:
        """Of an evaluation; `search.seed` is the search's."""
        return self.asked.seed if isinstance(self.asked, EvaluationCell) else None

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The names of the cells that must be done before it begins."""
        return () if self.evaluation is None else (self.folder,)

    def run(self, results: Path) -> Path:
        """The folder of the search. Raises HarnessError where a selection is damaged."""
        return results / self.folder if self.selection is None else self.selection.chosen(results)

    def workplace(self, results: Path) -> Path:
        """The folder that is locked while the cell is at work. Raises HarnessError where the search is damaged."""
        run = self.run(results)
        if self.evaluation is None:
            return run
        spec = {**self.evaluation["spec"], "genotype": cell_of(run, self.at_epoch)}
        return run / f"{self.evaluation['name']}-{spec_hash(spec)[:8]}"

    def output(self, results: Path) -> Path:
        """The file that is there when the cell is done. Raises HarnessError where the search is damaged."""
        place = self.workplace(results)
        return place / "result.json" if self.evaluation is None else place.with_name(f"{place.name}.json")

    def may_begin(self, results: Path) -> bool:
        """Whether the search that an evaluation follows is done, and chosen."""
        if self.selection is not None:
            return self.selection.is_done(results)
        return self.evaluation is None or (results / self.folder / "result.json").exists()

    def is_done(self, results: Path) -> bool:
        """Whether its file is there. Where the search is damaged, nobody can say which that is, and it is not done."""
        with suppress(HarnessError):
            return self.may_begin(results) and self.output(results).exists()
        return False

    def is_outdated(self, results: Path) -> bool:
        """Whether other code has done it, or begun it, or it is of another table than the one here. Raises DamagedSpec
        where what says so is damaged, HarnessError where the search is, or the evaluation."""
        if not self.may_begin(results):
            return False
        try:
            self.check_table(results)
        except OtherTable:
            return True
        return self._is_of_other_code(results)

    def _is_of_other_code(self, results: Path) -> bool:
        if not self.code:
            return False
        place = self.workplace(results)
        made_by = read_spec(place, MADE_BY).get("code") if (place / "spec.json").exists() else None
        return made_by is not None and digest_of(made_by) != self.code

    def check_table(self, results: Path) -> None:
        """Raises OtherTable where it was made of another table than the one here; other errors as `is_outdated`."""
        if self.evaluation is None:
            if self.on_table and (self.workplace(results) / "spec.json").exists():
                check_run(self.workplace(results), SPACES[self.search.space].table)
        elif self.is_done(results):
            found = read_object(self.output(results))
            if found.get("kind") == "lookup":
                table = table_of(SPACES[self.search.space])
                check_made(self.output(results), found.get("fingerprint"), table)

    def set_aside(self, results: Path) -> None:
        """Moves what there is of it out of the way. Raises Busy where another process is working on it."""
        done = self.output(results)
        beside = [] if self.evaluation is None else [done, weights_beside(done)]
        set_aside(self.workplace(results), *beside)

    def request(self, results: Path, equipment: Equipment) -> Request:
        """What a worker is asked to do with this cell."""
        if isinstance(self.asked, SearchCell):
            return SearchRequest(self.asked, str(results), equipment)
        assert isinstance(self.asked, EvaluationCell)
        return EvaluationRequest(replace(self.asked, selection=None), str(self.run(results)), equipment)


def request_of(cells: Sequence[Cell], results: Path, equipment: Equipment) -> Request:
    """What a worker is asked to do with a cell, or with several of the same kin."""
    if len(cells) == 1:
        return cells[0].request(results, equipment)
    seeds = tuple(cell.search.seed for cell in cells)
    return SearchesRequest(cells[0].search, seeds, str(results), equipment)


@dataclass(frozen=True)
class Selection(Cell):
    """The choice among searches: no work for a worker, but a file that whoever drives the suite writes."""

    compared: tuple[Cell, ...] = ()
    """What is looked at: the short trainings, or the searches."""

    @property
    def kind(self) -> str:
        return "selection"

    @property
    def waits_for(self) -> tuple[str, ...]:
        return tuple(cell.name for cell in self.compared)

    def output(self, results: Path) -> Path:
        return results / f"{self.folder}.json"

    def may_begin(self, results: Path) -> bool:
        return all(cell.is_done(results) for cell in self.compared)

    def is_done(self, results: Path) -> bool:
        """Whether its file says what is true: where a search was made anew since, it does not."""
        if not self.may_begin(results) or not self.output(results).exists():
            return False
        with suppress(HarnessError):
            return read_json(self.output(results)) == self.decision(results)
        return False

    def decision(self, results: Path) -> dict[str, Any]:
        """What its file is to say. Raises HarnessError where a search or a training is damaged."""
        assert isinstance(self.asked, SelectionCell)
        candidates = [
            Candidate(cell.search.seed, cell.search.settings, cell.run(results), cell.output(results))
            for cell in self.compared
        ]
        return selected(candidates, self.asked.among, by_training=bool(self.asked.trainings))

    def decide(self, results: Path) -> None:
        """Writes the file. Raises HarnessError."""
        write_json(self.output(results), self.decision(results))

    def chosen(self, results: Path) -> Path:
        """The folder of the run that was chosen. Raises HarnessError where its file is damaged."""
        path = self.output(results)
        return path.parent / chosen_in(path)


def cells_of(name: str, protocol: str | None) -> list[Cell]:
    """The cells of a suite, with its plugins taken in; see `harness.suite.definition.cells`. Raises HarnessError."""
    add_plugins(definition.plugins(name))
    return resolve(definition.cells(name, protocol))


def resolve(asked: Sequence[SuiteCell]) -> list[Cell]:
    """The cells that were asked for; what is written in two ways ("3e-4", "0.0003") is one. Raises HarnessError, naming
    the cells, where a method, space or setting is unknown or does not fit."""
    path = cache_root() / "suites" / f"{_digest(asked)}.json"
    try:
        places = read_json(path)
        check(places, PLACES)
        return _linked(asked, places)
    except (HarnessError, ValueError, TypeError):  # there is none, or a damaged one
        places = _places(asked)
        with suppress(HarnessError):  # else it is worked out again
            make_folder(path.parent)
            write_json(path, places)
    return _linked(asked, places)


def _linked(asked: Sequence[SuiteCell], places: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """The cells; what a selection compares comes before it, and what follows it after it."""
    found: dict[SuiteCell, Cell] = {}
    for cell, place in zip(asked, places, strict=True):
        if isinstance(cell, SelectionCell):
            found[cell] = Selection(
                cell, **place, compared=tuple(found[each] for each in cell.trainings or cell.searches)
            )
        elif isinstance(cell, EvaluationCell) and cell.selection is not None:
            selection = found[cell.selection]
            assert isinstance(selection, Selection)
            found[cell] = Cell(cell, **place, selection=selection)
        else:
            found[cell] = Cell(cell, **place)
    unique: dict[str, Cell] = {}
    for each in found.values():
        unique.setdefault(each.name, each)
    return list(unique.values())


def _places(asked: Sequence[SuiteCell]) -> list[dict[str, Any]]:
    """The fields of each cell besides what was asked for."""
    from harness.suite.planning import Planner

    planner, places = Planner(), []
    mistakes: dict[str, str] = {}
    for cell in asked:
        try:
            places.append(planner.place(cell))
        except HarnessError as error:
            search = cell if isinstance(cell, SearchCell) else cell.search
            mistakes.setdefault(str(error), f"{search.method} on {search.space} with {search.dataset}")
    if mistakes:
        lines = [f"{where}: {error}" for error, where in mistakes.items()]
        more = f" And {len(lines) - SHOWN} more." if len(lines) > SHOWN else ""
        raise HarnessError("nothing is begun. " + " ".join(lines[:SHOWN]) + more)
    return places


def _digest(asked: Sequence[SuiteCell]) -> str:
    """Of everything that the outputs depend on: the cells, the code, and the files that they name."""
    protocols = {name: protocol.load(name).text for name in {cell.protocol for cell in asked} if name}
    datasets = {cell.dataset for cell in asked} - {None, *DATASETS}
    written = [item for cell in asked for item in cell.settings] + list(protocols.values())
    content = {
        "cells": [asdict(cell) for cell in asked],
        "protocols": protocols,
        "datasets": {name: data.file_digest(name) for name in sorted(filter(None, datasets))},
        "files": sorted({data.content_digest(path) for path in _named_files(written)}),
        "costs": cache_digest(),
        "code": code_digest(),
        "plugins": plugin_digests(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _named_files(written: Sequence[str]) -> set[str]:
    """The files that settings name: every word of theirs that is one."""
    words = {word.strip("\"'") for text in written for word in text.replace("=", " ").split()}
    return {word for word in words if os.path.isfile(word)}


@cache
def code_digest() -> str:
    """Of this program's own source."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for package in ("harness", "methods", "spaces"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def plugin_digests() -> dict[str, str]:
    """Of all code from outside: the plugins that the user names, and the modules that installed packages bring."""
    return {name: plugin_digest(name) for name in (*plugin_names(), *installed_modules())}


def plugin_digest(name: str) -> str:
    """Of a plugin's source files, read without importing them."""
    digest = hashlib.sha256()
    for path in _plugin_files(name):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _plugin_files(name: str) -> list[Path]:
    """A plugin's own file; of a module all files of the package that it is in, as it may import them. None where there
    is no such module, which its import will say."""
    if name.endswith(".py"):
        return [Path(name)]
    spec = None
    with suppress(ValueError):  # a name that none can have
        spec = find_spec(name.partition(".")[0])
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return sorted(path for folder in spec.submodule_search_locations for path in Path(folder).rglob("*.py"))
    return [Path(spec.origin)] if spec.has_location and spec.origin else []
