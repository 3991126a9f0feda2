"""`harness evaluate`: say what a cell is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import DATASET, progress_options

if TYPE_CHECKING:
    from harness.evaluation.evaluate import Outcome as Evaluated


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
            summary = _evaluation_summary(outcome)
        click.echo(summary)


def _evaluation_summary(outcome: Evaluated) -> str:
    from harness.core.genotype import parse
    from harness.core.text import cell_rows, columns
    from harness.runs.progress import duration

    found = outcome.evaluation
    state = "was done before" if outcome.was_done else "done"
    if outcome.resumed_from is not None:
        state += f", resumed from step {outcome.resumed_from:,}"
    rows = [
        ("evaluation", f"{found['kind']} {state}"),
        *cell_rows(parse(json.dumps(found["genotype"]))),
        ("genotype", found["notation"]),
        ("protocol", f"{found['protocol']['name']}, version {found['protocol']['version']}"),
        ("parameters", f"{found['parameters']:,}, {found['macs']:,} MACs ({found['how']['parameters']})"),
    ]
    if found["kind"] == "lookup":
        for dataset, splits in found["accuracies"].items():
            rows.append((dataset, ", ".join(f"{split} {value:.3f} %" for split, value in splits.items())))
    else:
        cost = found["cost"]
        rows += [
            ("recipe", f"{found['recipe']}, size {found['size']}, seed {found['seed']}"),
            ("data", f"{found['dataset']}: {found['images']['train']:,} to train, {found['images']['test']:,} to test"),
            ("test error", f"{found['test_error_last']:.2f} % after the last of {found['epochs']} epochs"),
            ("", f"{found['test_error_best']:.2f} % after epoch {found['best_epoch'] + 1}, the lowest of all"),
            ("train error", f"{found['train_error_last']:.2f} % in the last epoch, as augmented"),
            ("cost", f"{duration(cost['seconds'])} of training, {duration(cost['test_seconds'])} of tests"),
            ("", f"{cost['steps']:,} steps, {cost['images']:,} images, on {cost['device']}"),
            ("", f"peak memory {cost['peak_memory'] / 2**20:,.0f} MiB ({cost['memory_kind']})"),
        ]
    rows.append(("file", str(outcome.file)))
    if "weights" in found:
        rows.append(("weights", str(outcome.file.with_name(found["weights"]))))
    return "\n".join(columns(rows))
