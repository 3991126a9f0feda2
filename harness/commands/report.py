"""`harness report`: tables, figures and statistics."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import warn
from harness.core.errors import HarnessError


@click.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "csv", "tex", "html"]),
    default="md",
    show_default=True,
    help="Markdown, CSV with one row per number, LaTeX (booktabs), or one page of HTML that needs no network.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write files into this folder instead of printing.")
@click.option("--results", type=click.Path(path_type=Path), help="Where run folders are kept.  [default: results]")
@click.option("--protocol", help="Of the runs; needed where there are runs of more than one.")
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
def report(
    name: str,
    form: str,
    out: Path | None,
    results: Path | None,
    protocol: str | None,
    epoch: str,
    where: tuple[str, ...],
) -> None:
    """Tables, figures and statistics: what was measured, beside what is published.

    NAME is one of `harness list reports`; `all` is everything. Without any runs the published values are shown.

    \b
    harness report table2
    harness report all --format html --out report
    """
    from harness.core.files import make_folder, write_atomic
    from harness.core.settings import parse_assignments
    from reports import REPORTS
    from reports.records import Records, read

    chosen, found = REPORTS[name], results or Path("results")
    records = read(found, warn) if results or found.is_dir() else Records()
    records = records.select(protocol).where(parse_assignments(where))
    if records.runs.empty:
        warn(f"no runs are found in {found}; only published values are shown.")
    files = chosen.files(records, form, epoch)
    if wrong := [file for file, content in files.items() if not isinstance(content, bytes)]:
        raise HarnessError(f"report {name!r} of {REPORTS.origin(name)} must give bytes for the file {wrong[0]}.")
    if out is None:
        if len(files) != 1 or form == "html":
            raise HarnessError(f"{name} as {form} is made of files; name a folder for them with --out.")
        click.echo(next(iter(files.values())).decode(), nl=False)
        return
    for file, content in files.items():
        path = out / file
        make_folder(path.parent)
        write_atomic(path, content)
        click.echo(str(path))
