"""The harness as it is installed: beside packages of the user's own of the same names, and with all that it reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import __version__
from harness.commands.regress import BASELINE

SUITE = """
summary = "one search"
protocol = "smoke"
[[search]]
method = ["darts-1st"]
space = ["nasbench201"]
dataset = ["digits"]
seed = [0]
set = { images = 32, batch = 8, epochs = 1 }
"""


@pytest.fixture
def among_namesakes(tmp_path: Path) -> Path:
    """A folder that holds packages of the project's names, which fail where they are imported, and a suite."""
    for name in ("methods", "spaces", "reports"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise ImportError('the {name} of the current folder')")
    (tmp_path / "suite.toml").write_text(SUITE)
    return tmp_path


@pytest.mark.parametrize(
    "arguments", ["list methods", "describe s1", "report table2", "suite run suite.toml --device=cpu"]
)
def test_packages_of_the_current_folder_are_not_taken_for_the_projects(arguments: str, among_namesakes: Path) -> None:
    command = [sys.executable, "-m", "harness", *arguments.split()]
    done = subprocess.run(command, cwd=among_namesakes, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_module_of_the_current_folder_is_still_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("WORD = 'found'")
    code = "from harness.core.path import current_folder_last as last; last(); import mine, methods; print(mine.WORD)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("found\n", "")


def test_the_baseline_of_regress_is_part_of_the_package() -> None:
    assert BASELINE.parent.name == "regress"
    assert BASELINE.parents[1].name == "harness"
    assert json.loads(BASELINE.read_text())["parts"]


def test_the_citation_is_of_this_version() -> None:
    citation = Path(__file__).resolve().parents[1] / "CITATION.cff"
    assert f"\nversion: {__version__}\n" in citation.read_text()
