"""Suites: which searches to make, and what follows each of them, in TOML files.

    summary = "..."
    protocol = "proxy"          # of every cell that names no other
    include = ["table2", "other.toml"]      # all that other suites hold, too; a file by its path from this one
    plugins = ["my_method.py"]  # what does not ship with the harness: files by their paths from this one, or modules
    [[search]]                  # every combination; a list in `set` is one more axis
    method = ["zarts-mgs", "zarts-rs"]
    space = ["s1", "s2"]
    dataset = ["cifar10"]
    seed = [0, 1, 2, 3]
    set = { samples = [2, 4], warmup = 1 }
    [[evaluate]]                # after every search of this file that matches; patterns as in a shell
    space = ["s1"]
    set = { size = "20x36" }
    at_epoch = [25, 50]         # of the cells that it had after so many epochs, in place of the one that it found

A search is what `harness run` does, an evaluation what `harness evaluate` does, and the keys are their options. Reading
a suite needs no torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import Any

from harness.core import toml
from harness.core.errors import HarnessError
from harness.core.rng import MOST_SEED
from harness.data import DATASETS, short_name
from spaces import SPACES
from spaces.relations import table_of

KEYS = ("summary", "protocol", "include", "plugins", "search", "evaluate")
MATCHED = ("method", "space", "dataset")


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

    @property
    def options(self) -> tuple[str, ...]:
        """What `harness evaluate` is given after the run folder."""
        names = ("dataset", "protocol", "recipe", "at_epoch")
        named = {name.replace("_", "-"): getattr(self, name) for name in names}
        given = (f"--{name}={value}" for name, value in named.items() if value is not None)
        return (*given, *(f"--set={item}" for item in self.settings))


SuiteCell = SearchCell | EvaluationCell


def from_json(values: Mapping[str, Any]) -> SuiteCell:
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
    epochs: Sequence[int | None]
    """Of the search, after which to evaluate the cell that it has then; None: when it has ended."""

    def follows(self, search: SearchCell) -> bool:
        names = {"method": search.method, "space": search.space, "dataset": short_name(search.dataset)}
        return all(any(fnmatch(names[key], p) for p in patterns) for key, patterns in self.patterns.items())

    def cells(self, search: SearchCell, protocol: str | None) -> Iterator[EvaluationCell]:
        """The evaluations of one search."""
        in_table = search.space in SPACES and table_of(SPACES[search.space])
        looked_up = self.recipe in (None, "lookup") and in_table
        own = None if search.dataset in DATASETS or looked_up else search.dataset  # a run does not know its data's path
        for settings, at_epoch in product(_combinations(self.settings), self.epochs):
            yield EvaluationCell(search, self.dataset or own, protocol, self.recipe, settings, at_epoch)


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

    def own_cells(self, protocol: str | None) -> Iterator[SuiteCell]:
        """Without those of the suites it includes. `protocol` replaces every one in the file."""
        for searches in self.searches:
            for search in searches.cells(protocol or searches.protocol or self.protocol):
                yield search
                for evaluations in self.evaluations:
                    if evaluations.follows(search):
                        yield from evaluations.cells(
                            search, evaluations.protocol and (protocol or evaluations.protocol)
                        )


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
        searches = tuple(_searches(item) for item in toml.array(table, "search"))
        evaluations = tuple(_evaluations(item) for item in toml.array(table, "evaluate"))
    except ValueError as error:
        raise HarnessError(f"suite {name}: {error}.") from None
    return Suite(name, table["summary"], table["protocol"], include, plugins, searches, evaluations)


def _searches(table: Mapping[str, Any]) -> Searches:
    toml.check_keys(table, (*MATCHED, "seed", "protocol", "set"), required=(*MATCHED, "seed"))
    seeds = table["seed"]
    whole = isinstance(seeds, list) and all(type(seed) is int and 0 <= seed <= MOST_SEED for seed in seeds)
    toml.expect(whole, "seed", seeds, f"a list of whole numbers from 0 on, {MOST_SEED} at most")
    names = {key: toml.strings(table, key, 'names, such as ["s1"]') for key in MATCHED}
    return Searches(names, seeds, toml.settings(table, "set"), _expect_string(table, "protocol"))


def _evaluations(table: Mapping[str, Any]) -> Evaluations:
    toml.check_keys(table, (*MATCHED, "on", "protocol", "recipe", "set", "at_epoch"), required=())
    on, protocol, recipe = (_expect_string(table, key) for key in ("on", "protocol", "recipe"))
    epochs = table.get("at_epoch", [None])
    whole = isinstance(epochs, list) and all(epoch is None or (type(epoch) is int and epoch > 0) for epoch in epochs)
    toml.expect(whole and bool(epochs), "at_epoch", epochs, "a list of whole numbers from 1 on")
    return Evaluations(toml.patterns(table, MATCHED), on, protocol, recipe, toml.settings(table, "set"), epochs)


def _expect_string(table: Mapping[str, Any], key: str) -> str | None:
    toml.expect(isinstance(table.get(key, ""), str), key, table.get(key), "a string")
    return table.get(key)


def _combinations(settings: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Assignments `name=value` for every combination of the values of lists."""
    axes = (value if isinstance(value, list) else [value] for value in settings.values())
    return [tuple(f"{k}={_written(v)}" for k, v in zip(settings, values, strict=True)) for values in product(*axes)]


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
