"""`harness analyse`: what a figure needs beyond a run's records."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.commands import options


@click.command()
@click.argument("kind", metavar="KIND")
@click.argument("run_dir", type=click.Path(path_type=Path), required=False)
@click.option("--cells", help="For ranking and zero-cost: how many, in place of 200.")
@click.option("--seed", help="For ranking and zero-cost: of what they draw, in place of 0.")
@options.settings("A setting of the analysis.")
@options.device()
@options.data()
@click.option(
    "--dataset",
    help="The run's data, where they were given by path, as the run had them; for zero-cost the images, else CIFAR-10.",
)
@options.as_json()
def analyse(
    kind: str,
    run_dir: Path | None,
    cells: str | None,
    seed: str | None,
    assignments: tuple[str, ...],
    device: str,
    data: Path | None,
    dataset: str | None,
    as_json: bool,
) -> None:
    """Compute what a figure needs beyond a run's records, from its last checkpoint.

    \b
    KIND        what                                           settings
    landscape   loss on a plane through alpha                  points extent steps lr directions radius
    path        where methods move on that plane               methods updates start_x start_y length weight_steps
    eigenvalue  extremes of the Hessian with respect to alpha  batches decay
    ess         effective sample size of MGS at alpha          samples updates finetune_steps
    ranking     how a supernet ranks NAS-Bench-201's cells     cells seed ranking_batches ranking_batch
                                                               recalibration_batches recalibration_batch resamples
    zero-cost   how proxies rank NAS-Bench-201's cells         cells seed batch channels per_stage resamples

    The result is analysis-KIND.json in the run folder; `harness report figures` draws it. The same command resumes.
    ranking needs the table, and prints its own. zero-cost is of no run: it needs the table and images, prints its own,
    and RUN_DIR, results/zero-cost unless told otherwise, is where it keeps its file.
    """
    from rich.console import Console
    from rich.progress import Progress

    from harness import analysis
    from harness.core.errors import HarnessError, unknown

    if kind not in analysis.KINDS:
        raise unknown("analysis", kind, analysis.KINDS)
    if run_dir is None:
        if kind != analysis.OF_NO_RUN:
            raise HarnessError(f"harness analyse {kind} needs a run folder; name it after {kind}.")
        run_dir = Path("results", analysis.OF_NO_RUN)
    own = {"cells": cells, "seed": seed}
    assignments += tuple(f"{name}={value}" for name, value in own.items() if value is not None)
    asked = analysis.Asked(kind, run_dir, assignments, device, data, dataset)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=as_json or not console.is_terminal) as progress:
        task = progress.add_task(kind, total=None)
        found = analysis.analyse(asked, options.warn, lambda done, of: progress.update(task, completed=done, total=of))
    if kind in analysis.TABLES_OF and not as_json:
        click.echo(analysis.table(kind, found))
    click.echo(json.dumps(found, indent=2) if as_json else str(run_dir / f"analysis-{kind}.json"))
