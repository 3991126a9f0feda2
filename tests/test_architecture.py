"""Imports point one way, the command line and the reports start without torch, and every module says what it is."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from draw_architecture import PACKAGES, arrows, drawing, imported, imports, modules

ROOT = Path(__file__).resolve().parents[1]
LEAVES = "harness.core"
"""What everything may import, and what imports nothing else of the project."""

# What the modules under a package may import of the project, besides the leaves.
ALLOWED = {
    "harness.core": (),
    "harness.data": ("harness.data",),
    "harness.tables": ("harness.tables",),
    "spaces": ("spaces",),
    "methods": ("methods", "spaces", "harness.tables"),
    "reports": ("reports", "harness.tables"),
    "harness.trackers": ("harness.trackers", "spaces"),
    "harness.runs": ("harness.runs", "harness.data", "harness.trackers", "methods", "spaces"),
    "harness.evaluation": (
        *("harness.evaluation", "harness.runs", "harness.data", "harness.notations", "harness.tables"),
        *("harness.trackers", "methods", "spaces"),
    ),
    "harness.notations": ("harness.notations", "harness.tables"),
}


MODULES = modules()
IMPORTS = imported()


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def may_import(module: str, target: str) -> bool:
    if not within(target, PACKAGES) or within(target, (LEAVES,)):
        return True
    if within(target, ("harness.commands",)):
        return within(module, ("harness.commands",))
    return all(within(target, allowed) for package, allowed in ALLOWED.items() if within(module, (package,)))


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of a circle, if there is one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_point_one_way() -> None:
    wrong = [f"{m} imports {target}" for m in MODULES for target in IMPORTS[m] if not may_import(m, target)]
    assert not wrong


def test_no_files_import_one_another_in_a_circle() -> None:
    assert circle({module: IMPORTS[module] & set(MODULES) for module in MODULES}) == []


def test_no_packages_import_one_another_in_a_circle() -> None:
    assert circle(arrows()) == []


def test_the_drawing_of_the_architecture_is_up_to_date() -> None:
    assert drawing() in (ROOT / "ARCHITECTURE.md").read_text("utf-8"), "run python tests/draw_architecture.py"


def test_suites_know_nothing_of_the_command_line() -> None:
    suites = [module for module in MODULES if within(module, ("harness.suite",))]
    assert not [m for m in suites if any(within(target, ("harness.cli", "click")) for target in IMPORTS[m])]


def test_a_circle_is_found() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()})) == {"a", "b", "c"}


def test_reports_never_import_torch() -> None:
    reports = [module for module in MODULES if within(module, ("reports",))]
    assert not [m for m in reports if any(within(target, ("torch", "torchvision")) for target in IMPORTS[m])]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("import harness.core.errors", "harness.core.errors"),
        ("from harness.core.errors import HarnessError", "harness.core.errors"),
        ("from harness.core import errors", "harness.core.errors"),
        ("from harness.core.version import __version__", "harness.core.version"),
        ("from . import operations", "spaces.operations"),
        ("from .operations import norm", "spaces.operations"),
        ("def f():\n    import torch.nn", "torch.nn"),
    ],
)
def test_the_walk_finds_every_form_of_import(source: str, target: str) -> None:
    assert list(imports("spaces.cells", ROOT / "spaces" / "cells.py", source, MODULES)) == [target]


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("harness.core.types", "spaces.operations"),
        ("harness.core.rng", "harness.cli"),
        ("spaces.cells", "methods"),
        ("spaces.cells", "harness.data.digits"),
        ("methods.darts", "harness.runs.runner"),
        ("methods.darts", "reports"),
        ("reports.tables", "spaces"),
        ("harness.data.digits", "harness.runs.runner"),
    ],
)
def test_an_arrow_the_other_way_is_refused(module: str, target: str) -> None:
    assert not may_import(module, target)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_docstring(module: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[module].read_text("utf-8")))


def loads_no_torch(code: str) -> None:
    """Runs the code in a fresh interpreter, and fails where it fails or has loaded torch."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nsys.exit('torch' in sys.modules and 'this loaded torch')"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        *("--help", "list methods", "list spaces", "list datasets", "list protocols", "list reports"),
        *("report table2", "suite list"),
    ],
)
def test_the_command_line_answers_without_torch(arguments: str) -> None:
    loads_no_torch(
        f"sys.argv = ['harness', *{arguments.split()}]\n"
        "from harness.cli import main\n"
        "try:\n    code = main()\nexcept SystemExit as stop:\n    code = stop.code\n"
        "assert not code, f'exit code {code}'"
    )


def test_leaves_and_reports_load_without_torch() -> None:
    names = [module for module in MODULES if within(module, (LEAVES,)) or within(module, ("reports",))]
    loads_no_torch(f"import {', '.join(names)}")
