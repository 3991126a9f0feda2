"""`harness evaluate`: say what cells are worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.commands import options
from harness.commands.several import Several
from harness.core.errors import Interrupted

if TYPE_CHECKING:
    from harness.evaluation.evaluate import Outcome


@click.command()
@click.argument("targets", metavar="RUN_DIR|GENOTYPE...", nargs=-1, required=True)
@click.option("--dataset", help=f"What to train on; by default the run's. {options.DATASET}")
@click.option(
    "--recipe",
    help="cifar (usual for the DARTS family), imagenet, lookup (usual for NAS-Bench-201), or nasbench201 to train one.",
)
@options.protocol(default=None, when_absent="; by default the run's, or proxy for a genotype")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Of the training.")
@click.option("--epochs", type=int, help="Training epochs, in place of the protocol's.")
@click.option(
    "--at-epoch", type=click.IntRange(min=1), help="The cell that the run had after so many epochs, not its last one."
)
@options.settings("A hyper-parameter, such as size=20x36; see `harness describe PROTOCOL`.")
@options.device()
@options.data()
@options.results("Where evaluations of a bare genotype are kept; those of a run are kept beside its result.")
@options.checkpoint_seconds()
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    default=4,
    show_default=True,
    help="Processes that read images, where they are not in memory; the result does not depend on it.",
)
@options.again()
@options.quiet()
@options.track()
@options.as_json()
def evaluate(
    targets: tuple[str, ...],
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
    """Say what cells are worth: train one from scratch, or look it up in NAS-Bench-201's table.

    The cell is that of a run folder, a genotype in any notation, or a published one (DARTS_V2). The same command
    resumes what is unfinished and skips what is done. Several GPUs: torchrun --nproc-per-node N -m harness evaluate ...

    Several cells are done one after the other, and where one fails the others go on, with exit code 2 in the end; a
    quoted pattern ('results/**') stands for every finished run that it matches. With --json every evaluation is one
    line, as soon as it is done.
    """
    from harness.core.untrusted import reported
    from harness.evaluation import evaluate as evaluating
    from harness.evaluation.distributed import leads
    from harness.evaluation.progress import TrainingDisplay
    from harness.evaluation.summary import summary
    from harness.evaluation.targets import expand
    from harness.runs.loop import stop_signals
    from harness.runs.progress import shown

    found, speaks = expand(targets, options.warn), leads() and not as_json
    several = Several(len(found), as_json)
    with stop_signals() as stopped, shown(TrainingDisplay, quiet or not speaks) as observe:
        for place, target in enumerate(found):
            if stopped:
                raise Interrupted(f"stopped after {place} of {len(found)} evaluations.")
            with several.attempt(target):
                plan = evaluating.plan(
                    evaluating.Request(
                        target,
                        dataset,
                        recipe,
                        protocol,
                        epochs,
                        workers,
                        at_epoch,
                        seed=seed,
                        assignments=assignments,
                        device=device,
                        data_root=data,
                        results=results,
                        checkpoint_seconds=checkpoint_seconds,
                        again=again,
                        track=track,
                    )
                )
                if speaks:
                    click.echo(f"evaluation: {plan.file}")
                outcome = evaluating.run(plan, options.warn, observe)
                if speaks:
                    with reported(outcome.file):
                        said = summary(outcome)
                    click.echo(said)
                elif leads():
                    click.echo(json.dumps(_as_json(outcome)))
    several.finish()


def _as_json(outcome: Outcome) -> dict[str, Any]:
    state = {"file": str(outcome.file), "was_done": outcome.was_done, "resumed_from": outcome.resumed_from}
    return {**state, **outcome.evaluation}
