"""The commands that the documentation shows are commands: each has the options it is given, and names what there is."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from harness import notations
from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.registry import forget_plugins
from harness.data.catalogue import DATASETS
from harness.describing.describe import describe
from harness.describing.listing import KINDS
from harness.runs import protocol
from harness.suite import definition
from harness.tables import TABLES
from methods import METHODS
from reports import REPORTS
from spaces import SPACES

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
MADE_ON_THE_WAY = {"my-rule", "mine-table"}
"""What a page's earlier commands make."""
KNOWN: Mapping[str, Any] = {
    "method": METHODS,
    "space": SPACES,
    "dataset": {**DATASETS, **TABLES},
    "protocol": protocol.available(),
    "suite": definition.available(),
    "report": REPORTS,
    "kind": KINDS,
}
NAMED_BY = {"suite": "suite", "report": "report", "list": "kind", "describe": "anything"}
"""What the first argument of a command names."""


def blocks(text: str) -> Iterator[str]:
    """The code of a page: fenced as sh, or indented by four."""
    yield from re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for found in re.findall(r"(?:^|\n\n)((?: {4}.*\n|\n(?= {4}))+)", text):
        yield re.sub(r"^ {4}", "", found, flags=re.MULTILINE)


def lines(page: Path) -> list[str]:
    """The commands of a page, one that goes on in the next line as one."""
    if page.suffix == ".ipynb":
        cells = json.loads(page.read_text("utf-8"))["cells"]
        code = "".join("".join(cell["source"]) + "\n" for cell in cells if cell["cell_type"] == "code")
        return re.findall(r"^!(harness .*)$", code, re.MULTILINE)
    code = "\n".join(blocks(page.read_text("utf-8"))).replace("\\\n", " ")
    return [line for line in code.splitlines() if line.startswith("harness ")]


COMMANDS = [(page.name, line) for page in (*PAGES, *NOTEBOOKS) for line in lines(page)]


def parsed(line: str) -> tuple[list[str], dict[str, Any]]:
    """The names of the command, and its parameters. Raises click.UsageError, as the command line would."""
    _, *words = shlex.split(line, comments=True)
    words = [word for at, word in enumerate(words) if "--plugin" not in (word, words[at - 1])]  # no file is there
    command: click.Command = main
    context, names = click.Context(main), []
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"no command {words[0]}"
        names.append(words.pop(0))
        command, context = found, click.Context(found, parent=context)
    return names, command.make_context(names[-1], words, parent=context.parent).params


def is_path(name: str) -> bool:
    return "/" in name or name.isupper() or name.endswith((".toml", ".parquet", ".pickle"))


def is_anything(name: str) -> bool:
    """Whether `harness describe` knows it."""
    with suppress(HarnessError):
        return bool(notations.parse(name) if notations.looks_like(name) else describe(name, 10))
    return False


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 80
    assert {name for name, _ in COMMANDS} >= {"README.md", "tour.md", "own.md", "searching.md", "suites.md"}


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}" for page, line in COMMANDS])
def test_a_command_has_its_options_and_what_it_names_exists(
    page: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    command, given = parsed(line)
    for kind in ("method", "space", "dataset", "protocol"):
        named = given.get(kind) or ()
        for name in (named,) if isinstance(named, str) else named:
            assert name in KNOWN[kind] or name in MADE_ON_THE_WAY or is_path(name), f"no {kind} {name}"
    kind, name = NAMED_BY.get(command[0]), given.get("name") or given.get("kind")
    if kind == "anything":
        assert is_anything(name), f"nothing is called {name}"
    elif kind and isinstance(name, str):
        assert name in KNOWN[kind] or is_path(name), f"no {kind} {name}"


@pytest.mark.parametrize(
    "line",
    [
        *("harness run --methods zarts-mgs", "harness rum", "harness suite play table2", "harness report --form tex"),
        *("harness run --method zarts-mgs --space s1", "harness report table2 --format pdf"),
    ],
)
def test_what_is_no_command_is_found(line: str) -> None:
    with pytest.raises((click.UsageError, AssertionError)):
        parsed(line)


def test_the_page_on_parts_of_ones_own_writes_a_rule_and_searches_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for `harness check`, which tests/commands/test_new.py runs."""
    monkeypatch.chdir(tmp_path)
    forget_plugins()
    wanted = [line for line in lines(ROOT / "docs" / "own.md") if line.startswith(("harness new", "harness run"))]
    assert [line.split()[1] for line in wanted] == ["new", "run"]
    for line in wanted:
        done = CliRunner().invoke(main, shlex.split(line, comments=True)[1:], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert list((tmp_path / "results" / "smoke").glob("my-rule-s1-digits-s0-*/result.json"))
    forget_plugins()
