"""A report from a plugin: listed, made and printed like the built-in ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from run_folders import notation, write_run

from harness.cli import main
from harness.core.registry import add_plugins, forget_plugins

PLUGIN = """
class Genotypes:
    summary = "every genotype that was found"

    def files(self, records, form, epoch):
        return {f"genotypes.{form}": "\\n".join(records.finished.notation).encode()}

class Text(Genotypes):
    def files(self, records, form, epoch):
        return {"text.md": "words"}

class Lacking:
    summary = "nothing"

REPORTS = {"genotypes": Genotypes, "text": Text, "lacking": Lacking}
"""


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path) -> Iterator[None]:
    forget_plugins()
    (tmp_path / "mine.py").write_text(PLUGIN)
    add_plugins(["mine.py"], tmp_path)
    yield
    forget_plugins()


def harness(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_it_is_made_like_the_others(tmp_path: Path) -> None:
    write_run(tmp_path / "results")
    made = harness("report", "genotypes", "--results", tmp_path / "results")
    assert (made.exit_code, made.stdout) == (0, notation())
    written = harness("report", "genotypes", "--results", tmp_path / "results", "--out", tmp_path / "out")
    assert written.stdout == f"{tmp_path / 'out' / 'genotypes.md'}\n"


def test_one_that_does_not_fit_is_explained(tmp_path: Path) -> None:
    write_run(tmp_path / "results")
    wrong = harness("report", "text", "--results", tmp_path / "results")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "report 'text' of plugin" in wrong.stderr
    assert "must give bytes for the file text.md" in wrong.stderr
    lacking = harness("report", "lacking", "--results", tmp_path / "results")
    assert lacking.exit_code == 2
    assert "does not fit: it has no files, as reports.report.Report describes it" in lacking.stderr
    assert "unknown report 'genotype'; did you mean 'genotypes'?" in harness("report", "genotype").stderr


def test_reports_are_listed_without_what_counts_or_draws() -> None:
    code = (
        "import sys; from reports import REPORTS; print(*(f'{name}: {report.summary}' for name, report in "
        "REPORTS.items()), sep='\\n'); sys.exit(bool({'pandas', 'matplotlib', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "all: everything"
