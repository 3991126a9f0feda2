"""`harness evaluate`: say what a cell is worth."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.commands.options import DATASET, progress_options


@click.command()
@click.argument("target", metavar="RUN_DIR|GENOTYPE")
@click.option("--dataset", help=f"What to train on; by default the run's. {DATASET}")
@click.option(
    "--recipe",
    help="cifar (usual for the DARTS family), imagenet, lookup (usual for NAS-Bench-201), or nasbench201 to train one.",
)
@click.option(
    "--protocol",
    help="A name (`harness list protocols`) or a TOML file; by default the run's, or proxy for a genotype.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Of the training.")
@click.option("--epochs", type=int, help="Training epochs, in place of the protocol's.")
@click.option(
    "--at-epoch", type=click.IntRange(min=1), help="The cell that the run had after so many epochs, not its last one."
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A hyper-parameter, such as size=20x36; see `harness describe PROTOCOL`. May be given again.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--data", type=click.Path(path_type=Path), envvar="HARNESS_DATA", show_envvar=True, help="Where data sets are kept."
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where evaluations of a bare genotype are kept; those of a run are kept beside its result.",
)
@click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Save within an epoch, too, when the last checkpoint is so old.",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    default=4,
    show_default=True,
    help="Processes that read images, where they are not in memory; the result does not depend on it.",
)
@click.option("--again", is_flag=True, help="Do it anew where it has been done; what is there is kept in .replaced.")
@progress_options
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as one JSON object, and nothing else.")
def evaluate(
    target: str,
    dataset: str | None,
    recipe: str | None,
    protocol: str | None,
    seed: int,
    epochs: int | None,
    at_epoch: int | None,
    assignments: tuple[str, ...],
    device: str,
    data: Path | None,
    results: Path,
    checkpoint_seconds: float,
    workers: int,
    again: bool,
    track: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Say what a cell is worth: train it from scratch, or look it up in NAS-Bench-201's table.

    The cell is that of a run folder, a genotype in any notation, or a published one (DARTS_V2). The same command
    resumes what is unfinished and skips what is done. Several GPUs: torchrun --nproc-per-node N -m harness evaluate ...
    """
    from harness.core.untrusted import reported
    from harness.evaluation import evaluate as evaluating
    from harness.evaluation.distributed import leads
    from harness.evaluation.progress import TrainingDisplay
    from harness.evaluation.summary import summary
    from harness.runs.progress import shown

    request = evaluating.Request(
        target,
        dataset,
        recipe,
        protocol,
        seed,
        epochs,
        assignments,
        device,
        data,
        results,
        checkpoint_seconds,
        workers,
        again,
        at_epoch,
        track,
    )
    plan = evaluating.plan(request)
    speaks = leads() and not as_json
    if speaks:
        click.echo(f"evaluation: {plan.file}")
    with shown(TrainingDisplay, quiet or not speaks) as observe:
        outcome = evaluating.run(plan, lambda message: click.echo(f"harness: {message}", err=True), observe)
    if not leads():
        return
    if as_json:
        state = {"file": str(outcome.file), "was_done": outcome.was_done, "resumed_from": outcome.resumed_from}
        click.echo(json.dumps({**state, **outcome.evaluation}, indent=2))
    else:
        with reported(outcome.file):
            said = summary(outcome)
        click.echo(said)
