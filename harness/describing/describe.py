"""What `harness describe` says of a name: sections of text, and the same as JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import Any

from harness import notations
from harness.core.errors import HarnessError, unknown
from harness.core.files import is_folder, read_shaped
from harness.core.genotype import Genotype, parse
from harness.core.settings import Declared, declared
from harness.core.shapes import FOUND
from harness.core.text import cell_rows, columns
from harness.data.catalogue import DATASETS
from harness.data.identity import default_root
from harness.data.normalisation import PUBLISHED as PUBLISHED_STATISTICS
from harness.describing import glossary
from harness.describing.glossary import Entry
from harness.evaluation import recipes
from harness.evaluation.recipes import RECIPES
from harness.runs import protocol as protocols
from harness.suite import definition
from harness.tables import TABLES
from harness.tables.nasbench201 import EPOCHS, MEAN, SPLITS, open_table
from methods import CATALOGUE, METHODS
from methods.catalogue import ALIASES, unlisted
from methods.composition import BlackBox, Composition
from methods.families import all_settings, applies, resolve
from methods.search.parts import Parts
from reports import REPORTS
from spaces import SPACES, Space
from spaces.cells import Edge
from spaces.counting import Count, count, parameters
from spaces.published import PUBLISHED
from spaces.relations import space_of

IMAGENET_SIZE, IMAGENET_CLASSES, CIFAR_SIZE = 224, 1000, 32
INDENT, WIDEST = 2, 120
NAMES = 30
"""The width of a column of names of spaces, of which the longest has 26, or of edges."""
HARD_SPACE = "\N{NO-BREAK SPACE}"
MOST_CLASSES = 100_000


@dataclass(frozen=True)
class Description:
    """A name, what kind of thing it is, sections of lines, and facts for scripts."""

    name: str
    kind: str
    sections: Mapping[str, list[str]]
    facts: Mapping[str, Any]
    genotype: Genotype | None = None

    def __str__(self) -> str:
        lines = [f"{self.name} ({self.kind})"]
        for heading, body in self.sections.items():
            lines += ["", heading, *(f"{' ' * INDENT}{line}".rstrip() for line in body)]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, **self.facts}


def describe(name: str, classes: int) -> Description:
    """Of a name, or of `KIND:NAME` where several kinds have it. Raises HarnessError for one that is nothing known."""
    kinds = _kinds(classes)
    kind, _, bare = name.partition(":")
    if kind in kinds and bare:
        known, of = kinds[kind]
        if bare not in known() and not (kind in FROM_FILES and bare.endswith(".toml")):
            raise unknown(kind, bare, known())
        return of(bare)
    having = [kind for kind, (known, _) in kinds.items() if name in known()]
    if having:
        return _with_namesakes(kinds[having[0]][1](name), name, having[1:])
    if name.endswith(".toml"):
        return _protocol(name)
    if is_folder(name):
        return _run(Path(name))
    if notations.looks_like(name):
        return _genotype("genotype", "given", notations.parse(name), classes)
    raise unknown("name", name, dict.fromkeys(each for known, _ in kinds.values() for each in known()))


FROM_FILES = ("protocol", "suite")
"""Kinds whose things may also be files of a user."""


def _kinds(classes: int) -> dict[str, tuple[Callable[[], Collection[str]], Callable[[str], Description]]]:
    """For each kind the names that are known, and what describes one; a name is of the first kind that has it."""
    return {
        "method": (lambda: {**CATALOGUE, **dict.fromkeys(ALIASES), **unlisted()}, _method),
        "space": (lambda: SPACES, lambda name: _space(SPACES[name], classes)),
        "dataset": (lambda: DATASETS, _dataset),
        "protocol": (protocols.available, _protocol),
        "cell": (lambda: PUBLISHED, lambda name: _published(name, classes)),
        "suite": (definition.available, lambda name: _entry(name, "suite", glossary.suite(name))),
        "report": (lambda: REPORTS, lambda name: _entry(name, "report", glossary.report(name))),
        "recipe": (lambda: RECIPES, lambda name: _entry(name, "recipe", glossary.recipe(name))),
        "setting": (
            lambda: sorted(all_settings() | recipes.all_settings()),
            lambda name: _entry(name, "setting", glossary.setting(name)),
        ),
    }


def _with_namesakes(description: Description, name: str, kinds: Sequence[str]) -> Description:
    """With how to ask for what else has this name."""
    if not kinds:
        return description
    lines = [f"harness describe {kind}:{name}" for kind in kinds]
    return replace(description, sections={**description.sections, "others of this name": lines})


def _entry(name: str, kind: str, entry: Entry) -> Description:
    return Description(name, kind, {heading: _wrapped(rows) for heading, rows in entry.sections.items()}, entry.facts)


def _published(name: str, classes: int) -> Description:
    return _genotype(name, f"published cell: {PUBLISHED[name].source}", PUBLISHED[name].genotype, classes)


def _run(folder: Path) -> Description:
    """What a finished run found, where and with what."""
    path = folder / "result.json"
    if not path.exists():
        raise HarnessError(f"{folder} has no result.json: it is no run folder, or its run is not done.")
    result = read_shaped(path, FOUND)
    if not 2 <= result["classes"] <= MOST_CLASSES:
        raise HarnessError(f"{path} is damaged: it names {result['classes']} classes. Delete it to go on.")
    kind = f"found by {result['method']} on {result['space']} with {result['dataset']}, seed {result['seed']}"
    return _genotype(str(folder), kind, parse(json.dumps(result["genotype"])), result["classes"])


def draw(description: Description, path: Path) -> None:
    """Draws the cell that is described. Raises HarnessError where there is none."""
    from spaces.drawing import draw as draw_cell

    if description.genotype is None:
        raise HarnessError(f"{description.name} is a {description.kind}, not a cell; there is nothing to draw.")
    draw_cell(description.genotype, path)


def notation(description: Description, name: str) -> str:
    """The cell that is described, in the notation of this name. Raises HarnessError where it cannot say it."""
    if description.genotype is None:
        raise HarnessError(f"{description.name} is a {description.kind}, not a cell; there is nothing to write.")
    return notations.write(description.genotype, name)


def with_memory(description: Description, space: str) -> Description:
    """The description of a method, and what a step of it keeps in memory on a space. Raises HarnessError."""
    from harness.describing import memory as footprint

    if description.kind != "method":
        raise HarnessError(f"{description.name} is a {description.kind}, not a method; it keeps nothing in memory.")
    found = footprint.measure(description.name, SPACES[space])
    sections = {**description.sections, f"memory of a step on {space}, at these settings": footprint.table(found)}
    return replace(description, sections=sections, facts={**description.facts, "memory": found})


def _method(name: str) -> Description:
    name, composition = METHODS[name].name, METHODS[name].composition
    parts = resolve(composition, SPACES["darts"]).by_name()
    settings = {key: declared(part) for key, part in parts.items()}
    table = SPACES["nasbench201-table"]
    there = resolve(composition, table).by_name() if applies(composition, table) else {}
    instead = {key: declared(part) for key, part in there.items() if type(part) is not type(parts.get(key))}
    first = next(iter(parts))
    shared = ", ".join(key for key in there if key not in instead and (key == first or settings[key]))
    described = {
        item.name: {"part": key, "value": item.value, "allowed": item.range, "source": item.source}
        for key, items in settings.items()
        for item in items.values()
    }
    sections = {
        "summary": [composition.summary],
        "source": composition.source.split("; "),
        "parts": columns(list(composition.parts.items())),
        "spaces": _wrapped([(", ".join(space.name for space in _spaces(composition)),)]),
        "hyper-parameters": ["on the space darts, before any protocol; `--set NAME=VALUE` changes one"],
        **{f"{INDENT * ' '}{key}": _settings(items) for key, items in settings.items() if items},
        **{f"in place of all but the {shared} on {table.name}": _settings(v) for v in instead.values()},
        "different on other spaces": _on_spaces(composition, set(described)),
    }
    facts = {
        **composition.parts,
        "spaces": [space.name for space in _spaces(composition)],
        "settings": described,
    }
    return Description(name, "method", sections, facts)


def _spaces(composition: Composition | BlackBox) -> list[Space]:
    """Those that a method can search."""
    return [space for space in SPACES.values() if applies(composition, space)]


def _settings(items: Mapping[str, Declared]) -> list[str]:
    """A table: name, value, what is allowed, and where the value comes from."""
    return _wrapped([(item.name, _show(item.value), item.range, item.source) for item in items.values()])


def _wrapped(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns that fit the terminal."""
    return columns(rows, _room())


def _room() -> int:
    return min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST) - INDENT


def _on_spaces(composition: Composition | BlackBox, names: set[str]) -> list[str]:
    """One entry for the spaces that change the same settings to the same values."""
    spaces: dict[str, list[str]] = {}
    for space in _spaces(composition):
        values = {**space.settings, **composition.settings, **composition.on.get(space.name, {})}
        changed = {k: v for k, v in values.items() if k in names and composition.settings.get(k) != v}
        if changed:
            spaces.setdefault(", ".join(f"{k} = {_show(v)}" for k, v in changed.items()), []).append(space.name)
    return _shared(spaces) if spaces else ["nothing"]


def _shared(by: Mapping[str, Sequence[str]]) -> list[str]:
    """One entry for each thing that is said, after the names of all that it is said of."""
    of = {said: ", ".join(name.replace(" ", HARD_SPACE) for name in names) for said, names in by.items()}
    lines = {said: wrap(names, NAMES, break_on_hyphens=False) for said, names in of.items()}
    left = max(len(line) for names in lines.values() for line in names)
    rows = list[tuple[str, str]]()
    for said, names in lines.items():
        rows += zip_longest(names, wrap(said, max(NAMES, _room() - left - 2), break_on_hyphens=False), fillvalue="")
    return [line.replace(HARD_SPACE, " ") for line in columns(rows)]


def _space(space: Space, classes: int) -> Description:
    size, supernet = _supernet_size(space, classes)
    sections = {
        "summary": [space.summary],
        "source": [space.source],
        "size": [f"alpha has d = {space.dimension} entries, one per operation of an edge", size],
        **{f"{kind} cell: candidates per edge": _candidates(edges) for kind, edges in space.cells.items()},
    }
    facts = {
        "summary": space.summary,
        "source": space.source,
        "dimension": space.dimension,
        "supernet_parameters": supernet,
        "edges": {kind: [[e.source, e.target, list(e.operations)] for e in es] for kind, es in space.cells.items()},
    }
    return Description(space.name, "space", sections, facts)


def _candidates(edges: Sequence[Edge]) -> list[str]:
    """One entry for the edges that have the same."""
    of: dict[str, list[str]] = {}
    for edge in edges:
        of.setdefault(", ".join(edge.operations), []).append(f"{edge.target} <- {edge.source}")
    return _shared({operations: ["every edge"] if len(of) == 1 else names for operations, names in of.items()})


def _supernet_size(space: Space, classes: int) -> tuple[str, int | None]:
    """A line, and the number of parameters; a table has no supernet."""
    parts = resolve(CATALOGUE["darts-1st"], space)
    if not isinstance(parts, Parts):
        return f"no supernet; data sets: {', '.join(TABLES[space.table].datasets)}", None
    supernet = parameters(space.supernet(parts.macro, classes, parts.edge.outgoing))
    size = ", ".join(f"{item.name} = {item.value}" for item in declared(parts.macro).values())
    return f"supernet ({size}): {supernet:,} parameters", supernet


def _dataset(name: str) -> Description:
    published = {key: value._asdict() for key, value in PUBLISHED_STATISTICS.get(name, {}).items()}
    rows = [
        (convention, statistic, "  ".join(f"{channel:.5f}" for channel in channels))
        for convention, values in published.items()
        for statistic, channels in values.items()
    ]
    sections = {
        "summary": [DATASETS[name].summary],
        "normalisation by convention, red, green, blue": columns(rows) if rows else ["measured on the images"],
    }
    if name != "digits":
        sections["where it is kept"] = [f"{default_root()}, unless --data or HARNESS_DATA names another folder"]
    return Description(name, "dataset", sections, {"summary": DATASETS[name].summary, "normalisation": published})


def _protocol(name: str) -> Description:
    protocol = protocols.load(name)
    known = all_settings()
    facts = {
        "version": protocol.version,
        "summary": protocol.summary,
        "settings": dict(protocol.settings),
        "when": [{**when.patterns, "set": when.settings} for when in protocol.when],
    }
    unused = sorted(protocol.mentioned() - known)
    sections = {"summary": [f"version {protocol.version}: {protocol.summary}"], "file": protocol.text.splitlines()}
    if protocol.evaluation is not None:
        unused += sorted(protocol.evaluation.mentioned() - recipes.all_settings())
        sections["recipes of `harness evaluate`"] = columns([(k, v.summary, v.source) for k, v in RECIPES.items()])
        sections["their hyper-parameters, `--set NAME=VALUE` changes one"] = _recipes(protocol.evaluation)
    if unused:
        sections["unknown settings"] = unused
    return Description(name, "protocol", sections, facts)


def _recipes(bundle: protocols.Bundle) -> list[str]:
    """A table: name, value in each recipe under this protocol, and where the values come from; then the recipes that
    cannot be followed under it, and why."""
    resolved: dict[str, dict[str, Declared]] = {}
    refused = []
    for name, recipe in RECIPES.items():
        try:
            parts = recipe.parts(bundle.layers(name, "", ""))
        except HarnessError as error:
            refused.append(f"{name}: not under this protocol; {error}")
        else:
            resolved[name] = {k: item for part in parts.by_name().values() for k, item in declared(part).items()}
    sources = {key: item.source for items in resolved.values() for key, item in items.items()}
    values = {key: [_show(items[key].value) if key in items else "-" for items in resolved.values()] for key in sources}
    table = _wrapped([("", *resolved, ""), *((key, *values[key], source) for key, source in sources.items())])
    return table + refused


def _genotype(name: str, kind: str, genotype: Genotype, classes: int) -> Description:
    space = space_of(genotype)
    if not space.has_networks:
        return _by_table_alone(name, kind, genotype, space)
    final, imagenet = space.final, space.imagenet
    small = count(space.network(genotype, final.channels, final.cells, classes), CIFAR_SIZE)
    networks = {f"CIFAR: {space.in_words(final.channels, final.cells)}, {classes:,} classes": small}
    facts: dict[str, Any] = {
        "notation": str(genotype),
        "genotype": genotype.to_json(),
        "parameters": small.parameters,
        "macs": small.macs,
    }
    if imagenet is not None:
        network = space.network(genotype, imagenet.channels, imagenet.cells, IMAGENET_CLASSES, "imagenet")
        large = count(network, IMAGENET_SIZE)
        words = space.in_words(imagenet.channels, imagenet.cells)
        networks[f"ImageNet: {words}, {IMAGENET_CLASSES:,} classes"] = large
        facts |= {"imagenet_parameters": large.parameters, "imagenet_macs": large.macs}
    sections = {
        "cell": columns(cell_rows(genotype)),
        "notation": [str(genotype)],
        "final networks": columns([COUNTED, *(_count_row(label, count) for label, count in networks.items())]),
    }
    if genotype.family == "nasbench201":
        sections["trained from scratch (NAS-Bench-201's table), accuracy in %"], facts["table"] = _looked_up(genotype)
    return Description(name, kind, sections, facts, genotype)


def _by_table_alone(name: str, kind: str, genotype: Genotype, space: Space) -> Description:
    """An architecture whose space has no networks, with all that its table says of it."""
    try:
        row = TABLES[space.table].open().row(genotype)  # type: ignore[attr-defined]
        lines = columns([(column, f"{value:g}") for column, value in row.items()])
    except HarnessError as error:
        row, lines = None, [str(error)]
    sections = {
        "cell": columns(cell_rows(genotype)),
        "notation": [str(genotype)],
        f"by the table {space.table}": lines,
    }
    facts = {"notation": str(genotype), "genotype": genotype.to_json(), "table": row}
    return Description(name, kind, sections, facts, genotype)


def _looked_up(genotype: Genotype) -> tuple[list[str], dict[str, Any] | None]:
    """What the table says of the cell, or why it says nothing."""
    try:
        table = open_table()
    except HarnessError as error:
        return [str(error)], None
    index, row = table.index(genotype), table.row(genotype)
    rows = [("data set", "evaluated on", *(f"{epochs} epochs" for epochs in EPOCHS), f"seeds of {EPOCHS[-1]} epochs")]
    for dataset, splits in SPLITS.items():
        for split in splits:
            keys = [f"accuracy/{dataset}/{split}/{epochs}" for epochs in EPOCHS]
            means = [f"{row[f'{key}/{MEAN}']:.3f}" if f"{key}/{MEAN}" in row else "-" for key in keys]
            trials = {seed: row.get(f"{keys[-1]}/{seed}") for seed in table.seeds(dataset, split, EPOCHS[-1])}
            shown = ", ".join(f"{seed}: {value:.3f}" for seed, value in trials.items() if value is not None)
            if means != ["-", "-"]:
                rows.append((dataset, split, *means, shown))
    first = int(table.isomorphs[index])
    same = "the first of its isomorphic cells" if first == index else f"isomorphic to cell {first}"
    return [f"index {index}, {same}", *columns(rows)], {"index": index, "isomorphic_to": first, **row}


COUNTED = ("size", "parameters", "MACs", "MACs, 2 per BN output, 1 per ReLU input")


def _count_row(label: str, count: Count) -> tuple[str, ...]:
    return (label, *(f"{number:,}" for number in (count.parameters, count.macs, count.macs_with_norm_and_relu)))


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'
