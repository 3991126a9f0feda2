"""Which code decided a run's numbers: the source files that its parts are made of, each with a digest of what it says.

The files are those in which the parts are defined, and all that these import, of the harness and of whatever package or
plugin a part comes from; other libraries are told apart by their versions. They are found by reading, not by importing.
A digest leaves out comments, docstrings and blank lines: what says the same computes the same.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.core.imported import cache_folder
from harness.runs.sources import Source, kept, read

Code = Mapping[str, str]
"""Digests by file, named from the folder that its package is in."""

PROJECT = ("harness", "methods", "spaces")
WORDS = (
    "harness.core.errors",
    "harness.core.files",
    "harness.core.registry",
    "harness.core.text",
    "harness.core.version",
)
"""What words, names and files go through, and no number does."""


def code_of(parts: Iterable[Any]) -> Code:
    """The code that these objects, or classes, are made of."""
    kinds = [part if isinstance(part, type) else type(part) for part in parts]
    modules = {base.__module__ for kind in kinds for base in kind.__mro__}
    packages = {*PROJECT, *(module.partition(".")[0] for module in modules if _is_outside(module))}
    found = {}
    for module in sorted(_closure(modules, packages)):
        path = _source(module)
        assert path is not None
        folders = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
        found["/".join([*folders, path.name])] = _read(path).digest
    kept(cache_folder()).save()
    return found


def digest_of(code: Code) -> str:
    """One digest for all files."""
    return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()[:16]


def changed(old: Code, new: Code) -> list[str]:
    """The files in which the two differ, those that are in both first."""
    both = [name for name in old if name in new and old[name] != new[name]]
    return both + sorted(set(old) ^ set(new))


def _is_outside(module: str) -> bool:
    """Whether a part's module is neither the harness's nor Python's nor a library's that parts are built with."""
    top = module.partition(".")[0]
    return top not in PROJECT and top not in sys.stdlib_module_names and top not in ("torch", "numpy", "builtins")


def _closure(modules: Iterable[str], packages: set[str]) -> set[str]:
    """The modules, and all of these packages that they import."""
    found: set[str] = set()
    waiting = [module for module in modules if module.partition(".")[0] in packages]
    while waiting:
        module = waiting.pop()
        path = _source(module)
        if module in found or path is None or _decides_nothing(module, path):
            continue
        found.add(module)
        for base, name in _imports(module, path):
            if base.partition(".")[0] in packages:
                waiting.append(_home(base, name))
    return found


def _decides_nothing(module: str, path: Path) -> bool:
    """The harness's packages themselves hold names only."""
    return module in WORDS or (path.name == "__init__.py" and module.partition(".")[0] in PROJECT)


@lru_cache(maxsize=4096)
def _source(module: str) -> Path | None:
    """The file of a module, or None where it has none of its own."""
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    if loaded is None:
        try:
            spec = find_spec(module)
        except (ImportError, ValueError, AttributeError):
            return None
        file = spec.origin if spec else None
    return Path(file) if file and file.endswith(".py") else None


def _imports(module: str, path: Path) -> tuple[tuple[str, str], ...]:
    """What a file imports anywhere: (module, the name that is taken from it, or nothing)."""
    return _named(module if path.name == "__init__.py" else module.rpartition(".")[0], _read(path).imports)


@lru_cache(maxsize=4096)
def _named(package: str, imports: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What a file of this package that has these imports names."""
    found = []
    for written in imports:
        name, _, taken = written.partition(" ")
        level = len(name) - len(name.lstrip("."))
        above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
        found.append((".".join([*above, *filter(None, [name[level:]])]), taken))
    return tuple(found)


def _read(path: Path) -> Source:
    return read(path, path.stat().st_mtime_ns)


def _home(base: str, name: str) -> str:
    """The module that a name taken from `base` is about: a module in that package, or the one from which a package that
    only passes the name on has it."""
    path = _source(base)
    if path is not None and path.name != "__init__.py":
        return base  # to look for a module in it would import it
    if name and _source(f"{base}.{name}") is not None:
        return f"{base}.{name}"
    if path is None:
        return base
    return next((module for module, known in _imports(base, path) if known == name), base)
