"""`harness suite pack` and `unpack`: the records of a suite in files that can be shipped, and back."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.commands import options
from harness.core.errors import HarnessError


@click.command()
@click.argument("name")
@options.results()
@click.option("--protocol", help="In place of those that the suite names: a name or a TOML file.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to write: for each data set a Parquet file of at most 1 MB, or several.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    help="Keep at most so many records of each run, of a search on a table those at which another cell stands, and of "
    "them what tables and curves read, besides the cells that at_epoch of the suite names; and no alpha.  "
    "[default: all]",
)
@options.as_json()
def pack(name: str, results: Path, protocol: str | None, out: Path, epochs: int | None, as_json: bool) -> None:
    """Put the records of suite NAME's finished runs into small files.

    \b
    harness suite pack solvers --out results/studies/solvers
    harness report anytime --results results/studies/solvers

    Every JSON file of the run folders is kept, analyses and evaluations too, with 6 significant digits; checkpoints are
    not. `harness suite unpack` makes run folders of them again, from which a suite goes on.
    """
    from harness.core.packed import Few, pack
    from harness.data import short_name
    from harness.suite.cells import cells_of

    found = cells_of(name, protocol)
    searches = [cell for cell in found if cell.kind == "search"]
    done = [cell for cell in searches if cell.is_done(results)]
    if not done:
        raise HarnessError(f"no search of suite {name!r} is done in {results}; `harness suite run {name}` does them.")
    folders: dict[str, list[str]] = {}
    for cell in done:  # by the name that is in the runs', which data of several paths may share
        folders.setdefault(short_name(cell.search.dataset), []).append(cell.folder)
    few = Few(epochs, {cell.at_epoch for cell in found if cell.at_epoch is not None}) if epochs else None
    sizes: dict[str, int] = {}
    for dataset, of in sorted(folders.items()):
        sizes |= {str(path): size for path, size in pack(results, of, out, dataset, few).items()}
    counts = {"packed": len(done), "of": len(searches)}
    if as_json:
        click.echo(json.dumps({**counts, "bytes": sizes}, indent=2))
    else:
        lines = [f"{path}  {size / 1000:,.0f} kB" for path, size in sizes.items()]
        click.echo("\n".join([*lines, f"{len(done)} of {len(searches)} searches"]))


@click.command()
@click.argument("study", type=click.Path(path_type=Path, exists=True))
@options.results()
def unpack(study: Path, results: Path) -> None:
    """Make run folders of a packed STUDY again; those that are there stay as they are."""
    from harness.core.packed import is_packed, unpack

    if not is_packed(study):
        raise HarnessError(f"{study} is no packed study; name a Parquet file, or a folder with them and no runs.")
    click.echo(f"{len(unpack(study, results))} runs unpacked into {results}")
