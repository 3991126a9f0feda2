"""`harness data`: fetch, import and verify data sets and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.commands import options

OWN = "table"
"""In place of a table's name: one of the user's own."""


@click.group()
def data() -> None:
    """Fetch, import and verify data sets and tables."""


def _data_options(command: Any) -> Any:
    return click.argument("dataset")(options.data("root")(command))


@data.command()
@_data_options
def prepare(dataset: str, root: Path | None) -> None:
    """Fetch a data set if it is absent, and read every image once."""
    from harness import data as datasets

    click.echo(str(datasets.prepare(dataset, root)))


@data.command()
@_data_options
@click.option(
    "--resize",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="With the images cropped and resized to NxN, as `--set resize=N` has them.",
)
def check(dataset: str, root: Path | None, resize: int) -> None:
    """Read every image of a data set that is here, or a whole table, and say what it holds."""
    from harness.tables import COST_TABLES, TABLES, ground_truth

    if dataset in TABLES:
        click.echo(ground_truth.check(TABLES[dataset]))
    elif dataset in COST_TABLES:
        click.echo(COST_TABLES[dataset].check())
    else:
        from harness import data as datasets

        click.echo(str(datasets.check(dataset, root, resize)))


@data.command(name="import")
@click.argument("table")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="What the table of `import table` is called.  [default: the file's name]")
def import_(table: str, file: Path, name: str | None) -> None:
    """Make the TABLE that later commands look cells up in; see `harness list tables`.

    For nasbench201, FILE is one of NAS-Bench-201's (.pth), NATS-Bench's topology file (.pickle.pbz2) or folder, or a
    CSV file; for nats-sss, NATS-Bench's size file or folder. For hw-nas-bench it is HW-NAS-Bench-v1_0.pickle, or a
    Parquet file; its costs are then names in an objective. None of them is trusted: what would run code is refused.

    `harness data import table FILE --name NAME` makes a table of any finite space, searched as NAME-table, of a CSV or
    Parquet file with a row for every architecture: columns choice/NAME, valid/DATASET/EPOCHS, test/DATASET/EPOCHS,
    seconds/DATASET/EPOCHS and cost/NAME.
    """
    from rich.console import Console
    from rich.progress import Progress

    from harness.core.errors import HarnessError, unknown
    from harness.tables import COST_TABLES, TABLES
    from harness.tables.ground_truth import Importable

    if table == OWN:
        from harness.tables.tabulating import import_file

        click.echo(import_file(file, name or file.name.partition(".")[0]).check())
        return
    if name is not None:
        raise HarnessError(f"--name {name}: the table {table} has a name; leave it out.")
    if table not in TABLES and table not in COST_TABLES:
        raise unknown("table", table, [*TABLES, *COST_TABLES, OWN])
    benchmark = TABLES[table] if table in TABLES else COST_TABLES[table]
    if not isinstance(benchmark, Importable):
        raise HarnessError(f"the table {table} is made from no file: it comes with {TABLES.origin(table)}.")
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"reading {file.name}", total=2 * benchmark.size(file))
        benchmark.import_from(file, lambda count: progress.advance(task, count))
    click.echo(benchmark.check())
