"""`harness compare`: two methods, or two results folders, and which is better."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands import options
from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from reports.comparison import Comparison
    from reports.statistics.boards import Board


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "csv", "json"]),
    default="md",
    show_default=True,
    help="Markdown, or CSV or JSON with every number unrounded.",
)
@options.results("Where the runs of two methods are; or the records of a study.")
@click.option("--protocol", help="Only runs under this one.")
@click.option(
    "--epoch",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="Which test error of an evaluation counts.",
)
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="As for `harness report`. May be given again.")
def compare(a: str, b: str, form: str, results: Path, protocol: str | None, epoch: str, where: tuple[str, ...]) -> None:
    """Which of two is better, benchmark by benchmark, and whether the seeds there are decide it.

    A and B are two methods of one results folder, or two results folders or packed studies, whose methods are compared
    each with itself.

    \b
    harness compare zarts-mgs darts-1st
    harness compare results-before results-after --format json
    """
    from reports import comparison

    def boards(folder: Path) -> list[Board]:
        return _boards(folder, protocol, epoch, where)

    folders = [Path(name) for name in (a, b) if _holds_runs(Path(name))]
    if len(folders) == 1:
        raise HarnessError(f"{folders[0]} is a folder and the other is none; name two folders or two methods.")
    found = comparison.of_folders(*map(boards, folders)) if folders else comparison.of_methods(boards(results), a, b)
    click.echo(_text(found, form), nl=False)


def _holds_runs(path: Path) -> bool:
    """Whether it is a folder, or a packed study."""
    from harness.core.packed import is_packed

    return os.path.isdir(path) or is_packed(path)


def _boards(folder: Path, protocol: str | None, epoch: str, where: tuple[str, ...]) -> list[Board]:
    from harness.core.packed import opened
    from harness.core.settings import parse_assignments
    from reports import overview
    from reports.records import having, read
    from reports.statistics.boards import boards

    records = read(opened(folder), options.warn)
    if records.runs.empty:
        raise overview.nothing(folder)
    parts = [records.select(name) for name in ([protocol] if protocol else records.protocols)]
    return [board for part in having(parts, parse_assignments(where, "--where")) for board in boards(part, epoch)]


def _text(found: list[Comparison], form: str) -> str:
    import pandas as pd

    from reports import comparison

    rows = [one.row() for one in found]
    if form == "json":
        return json.dumps(rows, indent=2) + "\n"
    if form == "csv":
        return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    return comparison.markdown(found)
