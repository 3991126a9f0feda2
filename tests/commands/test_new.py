"""What `harness new` writes works as it stands, and nothing is overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.commands.new import TEMPLATES
from harness.core.registry import add_plugins, forget_plugins

ROOT = Path(__file__).resolve().parents[2]
SEARCHES = {
    "space": ("darts-1st", "my-own", "digits"),
    "dataset": ("darts-1st", "nasbench201", "my-own"),
}
"""Method, space and dataset of a search with what was written; of the others, by their method."""


@pytest.fixture(autouse=True)
def none_taken_in() -> Iterator[None]:
    forget_plugins()
    yield
    forget_plugins()


def harness(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize("kind", TEMPLATES)
def test_what_is_written_passes_its_checks_and_runs(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    written = harness("new", kind, "my-own", "--to", folder)
    assert written.exit_code == 0
    assert written.stdout.startswith(f"{folder / 'my_own.py'}: the {kind} 'my-own'")
    assert sorted(path.name for path in folder.iterdir()) == ["my_own.py", "test_my_own.py"]
    assert not [path for path in folder.iterdir() if "example" in path.read_text()]

    checked = harness("check", folder / "my_own.py")
    assert checked.exit_code == 0, checked.output

    add_plugins([str(folder / "my_own.py")])
    method, space, dataset = SEARCHES.get(kind, ("my-own", "nasbench201", "digits"))
    options = [
        "--protocol",
        "smoke",
        "--epochs",
        "2",
        "--set",
        "images=32",
        "--results",
        tmp_path / "results",
        "--device",
        "cpu",
    ]
    ran = harness("run", "--method", method, "--space", space, "--dataset", dataset, *options)
    assert ran.exit_code == 0, ran.output
    assert "done, epochs used up" in ran.stdout


def test_the_test_that_is_written_passes(tmp_path: Path) -> None:
    assert harness("new", "dataset", "my-own", "--to", tmp_path).exit_code == 0
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_my_own.py"]
    path = os.environ | {"PYTHONPATH": str(ROOT)}
    tested = subprocess.run(command, cwd=tmp_path, env=path, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    for name in ("mine.py", "test_mine.py"):
        folder = tmp_path / name.removesuffix(".py")
        folder.mkdir()
        (folder / name).write_text("precious")
        refused = harness("new", "space", "mine", "--to", folder)
        assert refused.exit_code == 2
        there = f"harness: {folder / name} is there already; choose another name, or another folder with --to.\n"
        assert refused.stderr == there
        assert [path.read_text() for path in folder.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rule", "Mine"), "the name 'Mine' must be words of small letters and digits"),
        (("rule", "../mine"), "the name '../mine' must be words"),
        (("rule", "adam"), "there is a rule 'adam' (built in); choose another name."),
        (("rule", "zarts-mgs"), "there is a method 'zarts-mgs' (built in); choose another name."),
        (("dataset", "digits"), "there is a dataset 'digits' (built in)"),
    ],
)
def test_a_name_that_will_not_do(arguments: tuple[str, str], words: str, tmp_path: Path) -> None:
    refused = harness("new", *arguments, "--to", tmp_path)
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = harness("new", "space", "mine", "--to", tmp_path / "file" / "folder")
    assert refused.exit_code == 2
    assert "cannot be written: Not a directory." in refused.stderr
