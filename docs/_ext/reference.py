"""The reference pages, written from the registries before Sphinx reads the sources: what the code says of itself."""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from harness.core.settings import declared
from harness.describing.describe import describe
from harness.describing.glossary import shown
from harness.describing.listing import PARTS, groups, registry
from methods.catalogue import CATALOGUE

STUDIES = Path(__file__).parents[2] / "results" / "studies"
KIND_OF = {"strategy": "strategies", **{kind.removesuffix("s"): kind for kind in PARTS}}
"""The page of parts that each thing that a method decides is on."""
CLASSES = 10
"""Of the networks whose parameters are counted."""
LISTED = {
    "spaces": ("space", "What is searched: candidates of every edge, sizes of the supernet and of the networks."),
    "protocols": ("protocol", "Bundles of settings under a name and a version. Later sections win over earlier ones."),
    "suites": ("suite", "Many searches and what follows them: `harness suite run NAME`."),
    "reports": ("report", "What is drawn from run folders: `harness report NAME`."),
}
"""The pages that show what `harness describe` says: the kind in the singular, and what it is."""


def write(app: Sphinx) -> None:
    """Writes the folder `reference` anew."""
    folder = Path(app.srcdir) / "reference"
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in pages().items():
        path = folder / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    for name in _studies():
        for figure in (STUDIES / name).glob("*.png"):
            shutil.copyfile(figure, folder / "studies" / f"{name}-{figure.name}")


def pages() -> dict[str, str]:
    """The text of each page by its name."""
    return {
        "methods/index": _methods(),
        **{f"methods/{name}": _method(name) for name in CATALOGUE},
        "parts/index": _parts(),
        **{f"parts/{kind}": _kind(kind) for kind in PARTS},
        **{kind: _listed(kind) for kind in LISTED},
        **{f"studies/{name}": _study(name) for name in _studies()},
    }


def _methods() -> str:
    """All methods, by family."""
    tables = [
        f"## {family.capitalize()}\n\n"
        + _table(("method", "in short"), [(f"[{name}]({name}.md)", line) for name, line in of.items()])
        for family, of in groups("methods").items()
    ]
    return _page("Methods", "Each page is written from the code that runs.", *tables, _toctree(CATALOGUE, hidden=True))


def _method(name: str) -> str:
    description, composition = describe(f"method:{name}", CLASSES), CATALOGUE[name]
    facts, elsewhere = description.facts, description.sections["different on other spaces"]
    tables: dict[str, list[Sequence[Any]]] = {}
    for setting, fact in facts["settings"].items():
        row = (f"`{setting}`", f"`{shown(fact['value'])}`", fact["allowed"], fact["source"])
        tables.setdefault(fact["part"], []).append(row)
    return _page(
        name,
        _sentence(composition.summary),
        "\n".join(f"- {_plain(source)}" for source in composition.source.split("; ")),
        _code(f"harness run --method {name} --space {facts['spaces'][0]} --dataset cifar10", "sh"),
        "## Parts",
        _table(("decides", "part"), [(part, _to_part(part, member)) for part, member in composition.parts.items()]),
        "## Spaces",
        ", ".join(f"`{space}`" for space in facts["spaces"]),
        "## Hyper-parameters",
        "On the space `darts`, before any protocol; `--set NAME=VALUE` changes one.",
        *(f"### {part}\n\n" + _table(("setting", "value", "range", "source"), rows) for part, rows in tables.items()),
        "## Different on other spaces",
        _code("\n".join(elsewhere)),
    )


def _to_part(part: str, member: str) -> str:
    """A member, with a link to what it is."""
    return f"[`{member}`](../parts/{KIND_OF[part]}.md#{member})"


def _parts() -> str:
    return _page("Parts", "What methods are made of; [your own](../../own.md) are added likewise.", _toctree(PARTS))


def _kind(kind: str) -> str:
    module, _, name = PARTS[kind].partition(":")
    sections = []
    for member, part in getattr(import_module(module), name).items():
        rows = [(f"`{s.name}`", f"`{shown(s.value)}`", s.range, s.source) for s in declared(part).values()]
        sections += [f"## {member}", _prose(inspect.getdoc(type(part)) or "")]
        sections += [_table(("setting", "default", "range", "source"), rows)] if rows else []
    return _page(kind.capitalize(), *sections)


def _listed(kind: str) -> str:
    singular, says = LISTED[kind]
    sections = []
    for name, line in registry(kind).items():
        body = str(describe(f"{singular}:{name}", CLASSES)).partition("\n\n")[2]
        sections += [f"## {name}", _sentence(line), _code(body)]
    return _page(kind.capitalize(), says, *sections)


def _studies() -> list[str]:
    return sorted(path.parent.name for path in STUDIES.glob("*/README.md"))


def _study(name: str) -> str:
    """Its page as it ships, with the figures beside it, whose names begin with the study's here."""
    text = (STUDIES / name / "README.md").read_text("utf-8")
    return re.sub(r"\]\(([\w-]+\.png)\)", rf"]({name}-\1)", text).strip()


def _page(title: str, *sections: str) -> str:
    return "\n\n".join([f"# {title}", *sections])


def _toctree(names: Iterable[str], hidden: bool = False) -> str:
    return "```{toctree}\n:maxdepth: 1\n" + (":hidden:\n" if hidden else "") + "\n" + "\n".join(names) + "\n```"


def _code(text: str, language: str = "text") -> str:
    return f"````{language}\n{text.strip(chr(10))}\n````"


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    cells = [[str(cell).replace("|", r"\|") for cell in row] for row in rows]
    lines = [
        heads,
        ["---"] * len(heads),
        *([cell if cell[:1] in "`[" else _plain(cell) for cell in row] for row in cells),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _prose(docstring: str) -> str:
    """Paragraphs; what is indented, as formulas are, stands as it is."""
    paragraphs = (part for part in re.split(r"\n\s*\n", docstring) if part.strip())
    return "\n\n".join(
        _code(inspect.cleandoc(part)) if part.startswith(" ") else _plain(" ".join(part.split())) for part in paragraphs
    )


def _plain(text: str) -> str:
    """Without markup, but for code."""
    return "`".join(
        piece if code % 2 else re.sub(r"([*_<\[$#])", r"\\\1", piece) for code, piece in enumerate(text.split("`"))
    )


def _sentence(text: str) -> str:
    return _plain(text[:1].upper() + text[1:].rstrip(".") + ".")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
