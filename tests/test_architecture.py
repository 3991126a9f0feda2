"""Imports point one way, the command line and the reports start without torch, and every module says what it is."""

import ast
import shlex
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
    "harness.runs": ("harness.runs", "harness.data", "harness.tables", "harness.trackers", "methods", "spaces"),
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


def loads_none_of(modules: tuple[str, ...], code: str) -> None:
    """Runs the code in a fresh interpreter, and fails where it fails or has loaded one of these."""
    loaded = f"', '.join(sorted(sys.modules.keys() & {set(modules)!r}))"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\n{code}\nloaded = {loaded}\nsys.exit('loaded: ' + loaded if loaded else 0)",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def loads_no_torch(code: str) -> None:
    loads_none_of(("torch",), code)


def commands(*lines: str) -> str:
    """Code that runs these commands, one after the other, and fails where one does."""
    return f"""
import shlex
from harness.cli import main
for line in {lines!r}:
    code = main(shlex.split(line), standalone_mode=False)
    assert not code, f"{{line}}: exit code {{code}}"
"""


@pytest.mark.parametrize(
    "arguments",
    [
        *("--help", "list methods", "list spaces", "list datasets", "list protocols", "list reports"),
        *("report table2", "suite list"),
    ],
)
def test_the_command_line_answers_without_torch(arguments: str) -> None:
    loads_no_torch(commands(arguments))


SLOW = ("scipy.stats", "scipy.optimize", "scipy.sparse", "sympy", "torchvision", "torch._dynamo", "pyarrow", "seaborn")
"""What takes long to import, and only some searches, data sets and figures need."""


def test_a_search_and_an_evaluation_load_only_what_they_need(tmp_path: Path) -> None:
    run = f"run --method darts-1st --space s3 --dataset digits --protocol smoke --results {shlex.quote(str(tmp_path))}"
    found = f"import glob\n(run,) = map(shlex.quote, glob.glob({str(tmp_path / 'smoke/darts*')!r}))\n"
    evaluate = "main(shlex.split(f'evaluate {run} --protocol smoke'), standalone_mode=False)"
    loads_none_of((*SLOW, "pandas", "IPython"), commands(run) + found + evaluate)


def test_what_is_printed_of_runs_needs_no_figures_and_no_distributions(tmp_path: Path) -> None:
    loads_none_of(("torch", "matplotlib", "seaborn", "scipy.stats"), commands("report table2", "report table3"))


def test_leaves_and_reports_load_without_torch() -> None:
    names = [module for module in MODULES if within(module, (LEAVES,)) or within(module, ("reports",))]
    loads_no_torch(f"import {', '.join(names)}")
