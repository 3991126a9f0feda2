"""Draws the packages and their imports into ARCHITECTURE.md, from the sources as they are.

    python tests/draw_architecture.py

An arrow points to what is imported. What follows from other arrows is left out, and so are those to the leaves, which
everything may import.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("harness", "methods", "spaces", "reports")
LEAVES = "harness.core"
BEGIN, END = "<!-- drawn by tests/draw_architecture.py -->\n", "<!-- end of the drawing -->\n"


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str, path: Path, source: str, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules that a source imports anywhere, functions and TYPE_CHECKING blocks included."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                submodule = f"{base}.{alias.name}"
                yield submodule if submodule in known else base


def package_of(module: str, known: Mapping[str, Path]) -> str:
    """The folder that a module is in, or itself where that is a top-level one."""
    return module if known[module].name == "__init__.py" or module.count(".") < 2 else module.rpartition(".")[0]


def imported() -> dict[str, set[str]]:
    """What each module imports, of the project and else."""
    known = modules()
    return {module: set(imports(module, path, path.read_text("utf-8"), known)) for module, path in known.items()}


def arrows() -> dict[str, set[str]]:
    """What each package imports of the others."""
    known = modules()
    found: dict[str, set[str]] = {}
    for module, targets in imported().items():
        own = package_of(module, known)
        found.setdefault(own, set()).update({package_of(target, known) for target in targets & set(known)} - {own})
    return found


def drawing() -> str:
    """The packages as a Mermaid diagram, boxed by the top-level package that they are in."""
    known = modules()
    folders = sorted({package_of(module, known) for module in known if known[module].name == "__init__.py"})
    folders = [folder for folder in folders if folder != LEAVES]
    found = arrows()
    among = {folder: {target for target in found[folder] if target in folders} for folder in folders}
    lines = ["```mermaid", "flowchart TD"]
    for package in PACKAGES:
        inside = [folder for folder in folders if folder.partition(".")[0] == package]
        lines += [f"  subgraph {package}_[{package}/]", *(f'    {_node(f)}["{f}"]' for f in inside), "  end"]
    lines += [f"  {_node(a)} --> {_node(b)}" for a in folders for b in sorted(_direct(a, among))]
    return "\n".join([*lines, "```", ""])


def _direct(folder: str, among: Mapping[str, set[str]]) -> set[str]:
    """The targets that no other target leads to."""
    return {target for target in among[folder] if not any(target in _reached(o, among) for o in among[folder])}


def _reached(folder: str, among: Mapping[str, set[str]]) -> set[str]:
    """Everything that is reached from a folder, itself left out."""
    found: set[str] = set()
    waiting = list(among[folder])
    while waiting:
        target = waiting.pop()
        if target not in found:
            found.add(target)
            waiting += among[target]
    return found


def _node(folder: str) -> str:
    return folder.replace(".", "_")


def main() -> None:
    path = ROOT / "ARCHITECTURE.md"
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}{drawing()}{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
