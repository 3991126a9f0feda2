"""What `harness describe` says of a name: sections of text, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness import protocol as protocols
from harness.data.catalogue import DATASETS
from harness.errors import HarnessError, unknown
from harness.files import read_json
from harness.genotype import Genotype, from_json, looks_like, parse
from harness.settings import declared
from harness.text import cell_rows, columns
from methods import CATALOGUE, METHODS
from methods.catalogue import Composition
from methods.parts import all_settings, compose
from spaces import SPACES, Space
from spaces.counting import count, parameters
from spaces.published import PUBLISHED

IMAGENET_SIZE, IMAGENET_CHANNELS, IMAGENET_CELLS, IMAGENET_CLASSES = 224, 48, 14, 1000
"""Of the transfer evaluation (ZARTS paper, section 5.2)."""
CIFAR_SIZE = 32


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
            lines += ["", heading, *(f"  {line}" for line in body)]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, **self.facts}


def describe(name: str, classes: int) -> Description:
    """Raises HarnessError for a name that is nothing known."""
    if name in CATALOGUE:
        return _method(name)
    if name in SPACES:
        return _space(SPACES[name], classes)
    if name in DATASETS:
        return Description(name, "dataset", {"summary": [DATASETS[name]]}, {"summary": DATASETS[name]})
    if name in protocols.available():
        return _protocol(name)
    if name in PUBLISHED:
        return _genotype(name, f"published cell: {PUBLISHED[name].source}", PUBLISHED[name].genotype, classes)
    if looks_like(name):
        return _genotype("genotype", "given", parse(name), classes)
    if (Path(name) / "result.json").exists():
        result = read_json(Path(name) / "result.json")
        return _genotype(name, "found by this run", from_json(result["genotype"]), classes)
    raise unknown("name", name, [*CATALOGUE, *SPACES, *DATASETS, *protocols.available(), *PUBLISHED])


def draw(description: Description, path: Path) -> None:
    """Draws the cell that is described. Raises HarnessError where there is none."""
    from spaces.drawing import draw as draw_cell

    if description.genotype is None:
        raise HarnessError(f"{description.name} is a {description.kind}, not a cell; there is nothing to draw.")
    draw_cell(description.genotype, path)


def _method(name: str) -> Description:
    composition = METHODS[name].composition
    parts = compose(composition, SPACES["darts"])
    rows, facts = [("part", "name", "value", "allowed", "source")], {}
    for key, part in parts.by_name().items():
        for item in declared(part).values():
            rows.append((key, item.name, _show(item.value), item.range, item.source))
            facts[item.name] = {"part": key, "value": item.value, "allowed": item.range, "source": item.source}
    named = {f.name: getattr(composition, f.name) for f in fields(composition) if f.type == "str"}
    sections = {
        "summary": [composition.summary],
        "source": [composition.source],
        "parts": columns([(key, named[key]) for key in ("rule", "lookahead", "relaxation", "edge", "schedule")]),
        "hyper-parameters on the space darts, before any protocol": columns(rows),
        "different on other spaces": _on_spaces(composition, set(facts)) or ["nothing"],
    }
    return Description(name, "method", sections, {**named, "settings": facts})


def _on_spaces(composition: Composition, names: set[str]) -> list[str]:
    lines = []
    for space in SPACES.values():
        values = {**space.settings, **composition.settings, **composition.on.get(space.name, {})}
        changed = {k: v for k, v in values.items() if k in names and composition.settings.get(k) != v}
        if changed:
            lines.append(f"{space.name}: " + ", ".join(f"{key} = {_show(value)}" for key, value in changed.items()))
    return lines


def _space(space: Space, classes: int) -> Description:
    parts = compose(CATALOGUE["darts-1st"], space)
    supernet = parameters(space.supernet(parts.macro, classes, parts.edge.outgoing))
    size = ", ".join(f"{item.name} = {item.value}" for item in declared(parts.macro).values())
    edges = {
        kind: columns([(f"{edge.target} <- {edge.source}", ", ".join(edge.operations)) for edge in edges])
        for kind, edges in space.cells.items()
    }
    sections = {
        "summary": [space.summary],
        "source": [space.source],
        "size": [f"alpha has d = {space.dimension} entries", f"supernet ({size}): {supernet:,} parameters"],
        **{f"{kind} cell: candidates per edge": lines for kind, lines in edges.items()},
    }
    facts = {
        "summary": space.summary,
        "source": space.source,
        "dimension": space.dimension,
        "supernet_parameters": supernet,
        "edges": {kind: [[e.source, e.target, list(e.operations)] for e in es] for kind, es in space.cells.items()},
    }
    return Description(space.name, "space", sections, facts)


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
    if unused:
        sections["unknown settings"] = unused
    return Description(name, "protocol", sections, facts)


def _genotype(name: str, kind: str, genotype: Genotype, classes: int) -> Description:
    space = SPACES["nasbench201" if genotype.family == "nasbench201" else "darts"]
    final = space.final
    small = count(space.network(genotype, final.channels, final.cells, classes), CIFAR_SIZE)
    rows = [
        ("network", "parameters", "MACs", "MACs + 2 BN + ReLU"),
        (
            f"CIFAR, {final.cells} x {final.channels}, {classes} classes",
            f"{small.parameters:,}",
            f"{small.macs:,}",
            f"{small.macs_with_norm_and_relu:,}",
        ),
    ]
    facts: dict[str, Any] = {
        "notation": str(genotype),
        "genotype": genotype.to_json(),
        "parameters": small.parameters,
        "macs": small.macs,
    }
    if genotype.family == "darts":
        large = count(
            space.network(genotype, IMAGENET_CHANNELS, IMAGENET_CELLS, IMAGENET_CLASSES, "imagenet"), IMAGENET_SIZE
        )
        rows.append(
            (
                f"ImageNet, {IMAGENET_CELLS} x {IMAGENET_CHANNELS}, {IMAGENET_CLASSES} classes",
                f"{large.parameters:,}",
                f"{large.macs:,}",
                f"{large.macs_with_norm_and_relu:,}",
            )
        )
        facts |= {"imagenet_parameters": large.parameters, "imagenet_macs": large.macs}
    sections = {"cell": columns(cell_rows(genotype)), "notation": [str(genotype)], "final networks": columns(rows)}
    return Description(name, kind, sections, facts, genotype)


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
