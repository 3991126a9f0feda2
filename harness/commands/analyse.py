"""`harness analyse`: what a figure needs beyond a run's records."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.commands import options


@click.command()
@click.argument("kind", metavar="KIND")
@click.argument("run_dir", type=click.Path(path_type=Path))
@options.settings("A setting of the analysis.")
@options.device()
@options.data()
@click.option("--dataset", help="The run's data, where they were given by path, as the run had them.")
@options.as_json()
def analyse(
    kind: str,
    run_dir: Path,
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

    The result is analysis-KIND.json in the run folder; `harness report figures` draws it. The same command resumes.
    """
    from rich.console import Console
    from rich.progress import Progress

    from harness import analysis
    from harness.core.errors import unknown

    if kind not in analysis.KINDS:
        raise unknown("analysis", kind, analysis.KINDS)
    asked = analysis.Asked(kind, run_dir, assignments, device, data, dataset)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=as_json or not console.is_terminal) as progress:
        task = progress.add_task(kind, total=None)
        found = analysis.analyse(asked, options.warn, lambda done, of: progress.update(task, completed=done, total=of))
    click.echo(json.dumps(found, indent=2) if as_json else str(run_dir / f"analysis-{kind}.json"))
