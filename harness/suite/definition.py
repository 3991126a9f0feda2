"""Suites: which searches to make, and what follows each of them, in TOML files.

    summary = "..."
    protocol = "proxy"          # of every cell that names no other; a file by its path from this one
    include = ["table2", "other.toml"]      # all that other suites hold, too; a file by its path from this one
    plugins = ["my_method.py"]  # what does not ship with the harness: files by their paths from this one, or modules
    [[search]]                  # every combination; a list in `set` is one more axis
    method = ["zarts-mgs", "zarts-rs"]
    space = ["s1", "s2"]
    dataset = ["cifar10"]
    seed = [0, 1, 2, 3]         # or "0-3"
    set = { samples = [2, 4], warmup = 1 }
    [[evaluate]]                # after every search of this file that matches; patterns as in a shell
    space = ["s1"]
    set = { size = "20x36" }
    at_epoch = [25, 50]         # of the cells that it had after so many epochs, in place of the one that it found
    seed = [0, 1]               # of the training, one for each; or "0-3"; else 0
    [[select]]                  # one of the searches of this file that match, and are alike but for what is named here
    method = ["r-darts-dp"]
    among = ["search_drop_path"]            # settings, or "seed"
    by = "training"             # the lowest error after a short training; or "valid_loss": the lowest at a search's end
    set = { epochs = 25 }       # of that training, of which `protocol` and `recipe` may be named, too
    [[evaluate]]
    method = ["r-darts-dp"]
    selected = true             # after every selection that matches, of the search that it chose

A short training leaves the test images alone: it is tested on the half of the training images that is alpha's in search
(`validation = 0.5`), and trains on the other. Of equals, the first is chosen. What was chosen, of what, and by which
numbers stands in `<protocol>/selection-*.json` in the folder of results, where reports find it: of the searches of a
selection, they count the chosen one alone.

A search is what `harness run` does, an evaluation what `harness evaluate` does, and the keys are their options. Reading
a suite needs no torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import Any

from harness.core import toml
from harness.core.errors import HarnessError
from harness.core.rng import MOST_SEED
from harness.core.seeds import seed_list
from harness.data import DATASETS, short_name
from spaces import SPACES
from spaces.relations import table_of

KEYS = ("summary", "protocol", "include", "plugins", "search", "evaluate", "select")
MATCHED = ("method", "space", "dataset")
MEASURES = ("training", "valid_loss")
"""By what a search is chosen; of both the lowest."""
VALIDATION = 0.5
"""The share of the training images that a short training is tested on: those of alpha in search (choice)."""


@dataclass(frozen=True)
class SearchCell:
    """One search."""

    method: str
    space: str
    dataset: str
    seed: int
    protocol: str
    settings: tuple[str, ...]
    """`name=value` each."""

    @property
    def options(self) -> tuple[str, ...]:
        """What `harness run` is given."""
        names = ("method", "space", "dataset", "seed", "protocol")
        return (*(f"--{name}={getattr(self, name)}" for name in names), *(f"--set={item}" for item in self.settings))


@dataclass(frozen=True)
class EvaluationCell:
    """One evaluation of the architecture that a search finds."""

    search: SearchCell
    dataset: str | None
    """None: the search's own."""
    protocol: str | None
    """None: the search's."""
    recipe: str | None
    """None: the usual one."""
    settings: tuple[str, ...]
    at_epoch: int | None = None
    """None: of the one that it finds; else of the one that it had after so many epochs."""
    selection: SelectionCell | None = None
    """What chooses the search, where that is known only then; `search` is the first that it may be."""
    seed: int = 0
    """Of the training."""

    @property
    def options(self) -> tuple[str, ...]:
        """What `harness evaluate` is given after the run folder."""
        names = ("dataset", "protocol", "recipe", "at_epoch")
        named = {name.replace("_", "-"): getattr(self, name) for name in names}
        given = (f"--{name}={value}" for name, value in named.items() if value is not None)
        seed = (f"--seed={self.seed}",) if self.seed else ()
        return (*given, *seed, *(f"--set={item}" for item in self.settings))


@dataclass(frozen=True)
class SelectionCell:
    """The choice of one of several searches, that are alike but for some settings or the seed."""

    among: tuple[str, ...]
    """The names of those settings, and "seed"."""
    searches: tuple[SearchCell, ...]
    trainings: tuple[EvaluationCell, ...]
    """The short ones, one for each search, by which to choose; none: by the searches' own last validation loss."""

    @property
    def search(self) -> SearchCell:
        """The first: what it says stands for all."""
        return self.searches[0]

    @property
    def protocol(self) -> str:
        return self.search.protocol

    @property
    def dataset(self) -> str:
        return self.search.dataset

    @property
    def settings(self) -> tuple[str, ...]:
        """Those that the searches have in common."""
        return alike(self.search, self.among).settings


def alike(search: SearchCell, among: Sequence[str]) -> SearchCell:
    """What a search has in common with those that differ from it in nothing but these."""
    settings = tuple(item for item in search.settings if item.partition("=")[0] not in among)
    return replace(search, settings=settings, seed=0 if "seed" in among else search.seed)


Work = SearchCell | EvaluationCell
"""What a worker does."""
SuiteCell = Work | SelectionCell


def from_json(values: Mapping[str, Any]) -> Work:
    """The cell whose fields these are, as dataclasses.asdict and JSON give them."""
    fields = {**values, "settings": tuple(values["settings"])}
    if "search" not in values:
        return SearchCell(**fields)
    search = from_json(values["search"])
    assert isinstance(search, SearchCell)
    return EvaluationCell(**fields | {"search": search})


@dataclass(frozen=True)
class Searches:
    """A [[search]] table."""

    names: Mapping[str, Sequence[str]]
    seeds: Sequence[int]
    settings: Mapping[str, Any]
    protocol: str | None

    def cells(self, protocol: str) -> Iterator[SearchCell]:
        for method, space, dataset in product(*(self.names[key] for key in MATCHED)):
            for settings in _combinations(self.settings):
                for seed in self.seeds:
                    yield SearchCell(method, space, dataset, seed, protocol, settings)


@dataclass(frozen=True)
class Evaluations:
    """An [[evaluate]] table."""

    patterns: Mapping[str, Sequence[str]]
    dataset: str | None
    """To train and test on, where it is not the search's."""
    protocol: str | None
    recipe: str | None
    settings: Mapping[str, Any]
    epochs: Sequence[int | None] = (None,)
    """Of the search, after which to evaluate the cell that it has then; None: when it has ended."""

    selected: bool = False
    """Whether they follow the selections that match, in place of the searches."""

    seeds: Sequence[int] = (0,)
    """Of the trainings of each cell."""

    def cells(self, search: SearchCell, protocol: str | None) -> Iterator[EvaluationCell]:
        """The evaluations of one search. `protocol` replaces the one that is named here, if one is."""
        in_table = search.space in SPACES and table_of(SPACES[search.space])
        looked_up = self.recipe in (None, "lookup") and in_table
        own = None if search.dataset in DATASETS or looked_up else search.dataset  # a run does not know its data's path
        protocol = self.protocol and (protocol or self.protocol)
        for settings, at_epoch, seed in product(_combinations(self.settings), self.epochs, self.seeds):
            yield EvaluationCell(search, self.dataset or own, protocol, self.recipe, settings, at_epoch, seed=seed)


@dataclass(frozen=True)
class Selections:
    """A [[select]] table."""

    patterns: Mapping[str, Sequence[str]]
    among: tuple[str, ...]
    trainings: Evaluations | None
    """The short training of every search; None: they are chosen by their own last validation loss."""

    def cells(self, searches: Sequence[SearchCell], protocol: str | None) -> Iterator[SelectionCell]:
        """One for all searches that are alike. Raises ValueError where there is nothing to choose from."""
        groups: dict[SearchCell, list[SearchCell]] = {}
        for search in searches:
            if _matches(self.patterns, search):
                groups.setdefault(alike(search, self.among), []).append(search)
        for group in groups.values():
            if len(group) == 1:
                where = f"{group[0].method} on {group[0].space} with {group[0].dataset}, seed {group[0].seed}"
                raise ValueError(f"among = {list(self.among)} leaves one search to select from: {where}")
            of_each = [cell for each in group if self.trainings for cell in self.trainings.cells(each, protocol)]
            yield SelectionCell(self.among, tuple(group), tuple(of_each))


def _matches(patterns: Mapping[str, Sequence[str]], search: SearchCell) -> bool:
    names = {"method": search.method, "space": search.space, "dataset": short_name(search.dataset)}
    return all(any(fnmatch(names[key], p) for p in listed) for key, listed in patterns.items())


@dataclass(frozen=True)
class Suite:
    """What one file says."""

    name: str
    summary: str
    protocol: str
    include: tuple[str, ...]
    plugins: tuple[str, ...]
    searches: tuple[Searches, ...]
    evaluations: tuple[Evaluations, ...]

    selections: tuple[Selections, ...]

    def own_cells(self, protocol: str | None) -> Iterator[SuiteCell]:
        """Without those of the suites it includes. `protocol` replaces every one in the file. Raises HarnessError."""
        searches = list(
            dict.fromkeys(
                cell for each in self.searches for cell in each.cells(protocol or each.protocol or self.protocol)
            )
        )
        for search in searches:
            yield search
            yield from self._evaluations(search, protocol, selected=False)
        try:
            chosen = [cell for each in self.selections for cell in each.cells(searches, protocol)]
            self._check_matched(searches, [selection.search for selection in chosen])
        except ValueError as error:
            raise HarnessError(f"suite {self.name}: {error}.") from None
        for selection in chosen:
            yield from selection.trainings
            yield selection
            for cell in self._evaluations(selection.search, protocol, selected=True):
                yield replace(cell, selection=selection)

    def _check_matched(self, searches: Sequence[SearchCell], selected: Sequence[SearchCell]) -> None:
        """Raises ValueError for a table that is of none of them: by a slip in its patterns, say."""
        tables = [("select", each.patterns, "search", searches) for each in self.selections]
        for each in self.evaluations:
            of = ("selection", selected) if each.selected else ("search", searches)
            tables.append(("evaluate", each.patterns, *of))
        for table, patterns, what, among in tables:
            if not any(_matches(patterns, search) for search in among):
                raise ValueError(f"an [[{table}]] table matches no {what} of this file: {dict(patterns)}")

    def _evaluations(self, search: SearchCell, protocol: str | None, selected: bool) -> Iterator[EvaluationCell]:
        """Those that follow it, or where `selected` those that follow the selections of which it is one."""
        for each in self.evaluations:
            if each.selected == selected and _matches(each.patterns, search):
                yield from each.cells(search, protocol)


def available() -> list[str]:
    """The names of the suites that ship with the harness."""
    return toml.shipped("suite")


def summaries() -> dict[str, str]:
    """What each of them is, in a line."""
    return {name: load(name).summary for name in available()}


def load(name: str) -> Suite:
    """A shipped suite by name, or any by the path of its TOML file. Raises HarnessError."""
    return parse(toml.read("suite", name), name)


def cells(name: str, protocol: str | None = None) -> list[SuiteCell]:
    """Every cell of a suite and of those it includes, once each: an evaluation after its search.

    `protocol` replaces the files' own. Raises HarnessError for a suite that is malformed, unknown, empty, or includes
    itself.
    """
    found = list(
        dict.fromkeys(cell for suite in _suites(toml.beside("", name), ()) for cell in suite.own_cells(protocol))
    )
    if not found:
        raise HarnessError(f"suite {name} holds no search; give it a [[search]] table or an include.")
    return found


def plugins(name: str) -> list[str]:
    """What a suite and those that it includes take in, once each, as `harness.core.registry.add_plugins` is given it.

    Raises HarnessError like `cells`.
    """
    found = ((suite, plugin) for suite in _suites(toml.beside("", name), ()) for plugin in suite.plugins)
    return list(dict.fromkeys(_from_folder_of(suite.name, plugin) for suite, plugin in found))


def _from_folder_of(suite: str, plugin: str) -> str:
    """A file's path from where we are; a module as it is."""
    is_file = plugin.endswith(".py") or "/" in plugin
    return os.path.normpath(Path(suite).parent / Path(plugin).expanduser()) if is_file else plugin


def _suites(name: str, above: tuple[str, ...]) -> Iterator[Suite]:
    """A suite after those that it includes."""
    if name in above:
        raise HarnessError(f"suite {above[0]} includes itself: {' -> '.join((*above, name))}; break the cycle.")
    suite = load(name)
    for included in suite.include:
        yield from _suites(toml.beside(name, included), (*above, name))
    yield suite


def parse(text: str, name: str) -> Suite:
    """The suite in this text. Raises HarnessError for all that a suite is not."""
    table = toml.tables("suite", text, name)
    try:
        toml.check_keys(table, KEYS, required=("summary", "protocol"))
        for key in ("summary", "protocol"):
            _expect_string(table, key)
        include = tuple(toml.strings(table, "include", "suites")) if "include" in table else ()
        plugins = tuple(toml.strings(table, "plugins", "Python files or modules")) if "plugins" in table else ()
        searches = tuple(_searches(item, name) for item in toml.array(table, "search"))
        evaluations = tuple(_evaluations(item, name) for item in toml.array(table, "evaluate"))
        selections = tuple(_selections(item, name) for item in toml.array(table, "select"))
    except ValueError as error:
        raise HarnessError(f"suite {name}: {error}.") from None
    protocol = toml.beside(name, table["protocol"])
    return Suite(name, table["summary"], protocol, include, plugins, searches, evaluations, selections)


def _protocol(table: Mapping[str, Any], suite: str) -> str | None:
    """A name as it is; a file's path from where we are."""
    named = _expect_string(table, "protocol")
    return None if named is None else toml.beside(suite, named)


def _searches(table: Mapping[str, Any], suite: str) -> Searches:
    toml.check_keys(table, (*MATCHED, "seed", "protocol", "set"), required=(*MATCHED, "seed"))
    names = {key: toml.strings(table, key, 'names, such as ["s1"]') for key in MATCHED}
    return Searches(names, _seeds(table["seed"]), _axes(table), _protocol(table, suite))


def _seeds(given: Any) -> Sequence[int]:
    try:
        seeds = seed_list("seed", given) if isinstance(given, str) else given
    except HarnessError as error:
        raise ValueError(str(error).removesuffix(".")) from None
    whole = isinstance(seeds, list) and all(type(seed) is int and 0 <= seed <= MOST_SEED for seed in seeds)
    expected = f'a list of whole numbers from 0 to {MOST_SEED}, or a range such as "0-99"'
    toml.expect(whole and bool(seeds), "seed", seeds, expected)
    return list(seeds)


def _evaluations(table: Mapping[str, Any], suite: str) -> Evaluations:
    keys = (*MATCHED, "on", "protocol", "recipe", "set", "at_epoch", "seed", "selected")
    toml.check_keys(table, keys, required=())
    epochs, selected = table.get("at_epoch", [None]), table.get("selected", False)
    whole = isinstance(epochs, list) and all(epoch is None or (type(epoch) is int and epoch > 0) for epoch in epochs)
    toml.expect(whole and bool(epochs), "at_epoch", epochs, "a list of whole numbers from 1 on")
    toml.expect(isinstance(selected, bool), "selected", selected, "true or false")
    trainings = _trainings(table, suite, toml.patterns(table, MATCHED), _axes(table))
    return replace(trainings, epochs=epochs, selected=selected, seeds=_seeds(table.get("seed", [0])))


def _trainings(
    table: Mapping[str, Any], suite: str, patterns: Mapping[str, Sequence[str]], settings: Mapping[str, Any]
) -> Evaluations:
    on, recipe = (_expect_string(table, key) for key in ("on", "recipe"))
    return Evaluations(patterns, on, _protocol(table, suite), recipe, settings)


def _selections(table: Mapping[str, Any], suite: str) -> Selections:
    by = table.get("by")
    of_training = ("protocol", "recipe", "set") if by == "training" else ()
    toml.check_keys(table, (*MATCHED, "among", "by", *of_training), required=("among", "by"))
    toml.expect(by in MEASURES, "by", by, " or ".join(MEASURES))
    among, patterns = toml.strings(table, "among", 'settings, or "seed"'), toml.patterns(table, MATCHED)
    settings = {"validation": VALIDATION, **toml.settings(table, "set")}
    held_out = settings["validation"]
    toml.expect(not _is_zero(held_out), "validation", held_out, "above 0: a selection leaves the test images alone")
    for name, value in settings.items():
        toml.expect(
            not isinstance(value, list), name, value, "one value: a selection makes one training of each search"
        )
    return Selections(patterns, tuple(among), _trainings(table, suite, {}, settings) if by == "training" else None)


def _is_zero(value: Any) -> bool:
    """Whether a setting is set to 0, which may be written as text."""
    try:
        return float(value) == 0
    except (TypeError, ValueError):
        return False  # whoever declares the setting says what is wrong with it


def _axes(table: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = toml.settings(table, "set")
    for name, value in settings.items():
        toml.expect(value != [], name, value, "a value, or a list of some")
    return settings


def _expect_string(table: Mapping[str, Any], key: str) -> str | None:
    toml.expect(isinstance(table.get(key, ""), str), key, table.get(key), "a string")
    return table.get(key)


def _combinations(settings: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Assignments `name=value` for every combination of the values of lists."""
    axes = (value if isinstance(value, list) else [value] for value in settings.values())
    return [tuple(f"{k}={_written(v)}" for k, v in zip(settings, values, strict=True)) for values in product(*axes)]


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
