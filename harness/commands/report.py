"""`harness report`: tables, figures and statistics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import warn
from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from reports.records import Records


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "csv", "tex", "html"]),
    default="md",
    show_default=True,
    help="Markdown, CSV with one row per number, LaTeX (booktabs), or one page of HTML that needs no network.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write files into this folder instead of printing.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Where run folders are kept; or the records of a study, as in results/studies.  [default: results]",
)
@click.option("--protocol", help="Only runs under this one; with a NAME needed where there are runs of several.")
@click.option(
    "--epoch",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="Which test error of an evaluation counts.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only runs with this setting; evaluation.NAME: only evaluations with it. May be given again.",
)
@click.option(
    "--over",
    type=click.Choice(["evaluations", "simulated-seconds", "seconds"]),
    help="For anytime: over this kind of budget alone.  [default: the first two]",
)
def report(
    name: str | None,
    form: str,
    out: Path | None,
    results: Path | None,
    protocol: str | None,
    epoch: str,
    where: tuple[str, ...],
    over: str | None,
) -> None:
    """What your runs came to: a leaderboard by benchmark, figures, statistics, and the paper's tables they are in.

    NAME is one of `harness list reports`: a table of the paper, measured beside published, `statistics`, `anytime`,
    `figures`, or `all`, which shows the published values without any runs, too.

    \b
    harness report
    harness report --format html --out report
    harness report table2
    harness report anytime --over simulated-seconds --out report
    harness report all --format html --out report
    """
    from harness.core.packed import opened
    from harness.core.settings import parse_assignments
    from reports.records import Records, having, read

    folder = results or Path("results")
    records = read(opened(folder), warn) if results or folder.is_dir() else Records()
    asked = parse_assignments(where, "--where")
    if name is None:
        if over is not None:
            raise HarnessError("--over needs a NAME: `harness report anytime --over ...`.")
        _own_runs(records, folder, form, out, protocol, epoch, asked)
        return
    (selected,) = having([records.select(protocol)], asked)
    _named(name, over, selected, folder, form, out, epoch)


def _own_runs(
    records: Records,
    folder: Path,
    form: str,
    out: Path | None,
    protocol: str | None,
    epoch: str,
    asked: Mapping[str, str],
) -> None:
    from reports import overview
    from reports.records import having

    if records.runs.empty:
        raise overview.nothing(folder)
    parts = having([records.select(name) for name in ([protocol] if protocol else records.protocols)], asked)
    if out is not None:
        _write(out, overview.files(parts, form, epoch))
    elif form == "html":
        raise HarnessError("a page is a file; name a folder for it with --out.")
    else:
        click.echo(overview.text(parts, form, epoch), nl=False)


def _named(
    name: str, over: str | None, records: Records, folder: Path, form: str, out: Path | None, epoch: str
) -> None:
    from reports import REPORTS
    from reports.report import Over, Printed

    chosen = REPORTS[name]
    if over is not None:
        if not isinstance(chosen, Over):
            raise HarnessError(
                f"report {name!r} is not over a budget; leave --over out, or see `harness report anytime`."
            )
        chosen = chosen.over(over)
    if records.runs.empty:
        warn(f"no runs are found in {folder}; only published values are shown.")
    if out is None and form != "html" and isinstance(chosen, Printed):
        click.echo(chosen.text(records, form, epoch), nl=False)
        return
    files = chosen.files(records, form, epoch)
    if wrong := [file for file, content in files.items() if not isinstance(content, bytes)]:
        raise HarnessError(f"report {name!r} of {REPORTS.origin(name)} must give bytes for the file {wrong[0]}.")
    if out is not None:
        _write(out, files)
    elif len(files) != 1 or form == "html":
        raise HarnessError(f"{name} as {form} is made of files; name a folder for them with --out.")
    else:
        click.echo(next(iter(files.values())).decode(), nl=False)


def _write(out: Path, files: Mapping[str, bytes]) -> None:
    from harness.core.files import make_folder, write_atomic

    for file, content in files.items():
        path = out / file
        make_folder(path.parent)
        write_atomic(path, content)
        click.echo(str(path))
