"""`harness run`: search for a cell."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.commands.options import DATASET, progress_options, warn
from harness.core.errors import HarnessError, quoted
from harness.core.rng import MOST_SEED

if TYPE_CHECKING:
    from harness.runs.runner import Outcome


@click.command()
@click.option("--method", required=True, help="What searches; see `harness list methods`.")
@click.option("--space", required=True, help="What is searched; see `harness list spaces`.")
@click.option("--dataset", required=True, help=f"{DATASET} See `harness list datasets`.")
@click.option(
    "--seed", "seeds", default="0", show_default=True, metavar="N[-M]", help="One seed, or from N to M, one run each."
)
@click.option(
    "--protocol", default="proxy", show_default=True, help="A name (`harness list protocols`) or a TOML file."
)
@click.option("--epochs", type=int, help="Search epochs, in place of the protocol's.")
@click.option("--seconds", type=float, help="End the search after so many seconds of search time.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A hyper-parameter; see `harness describe METHOD`. May be given again.",
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
    help="Where run folders are kept.",
)
@click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Save within an epoch, too, when the last checkpoint is so old.",
)
@click.option("--again", is_flag=True, help="Do it anew where it has been done; what is there is kept in .replaced.")
@progress_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object, and nothing else.")
def run(
    method: str,
    space: str,
    dataset: str,
    seeds: str,
    protocol: str,
    epochs: int | None,
    seconds: float | None,
    assignments: tuple[str, ...],
    device: str,
    data: Path | None,
    results: Path,
    checkpoint_seconds: float,
    again: bool,
    track: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Search for a cell. The same command resumes what is unfinished and skips what is done."""
    from harness.core.types import Budget
    from harness.core.untrusted import reported
    from harness.runs import protocol as protocols
    from harness.runs import runner
    from harness.runs.progress import shown
    from harness.runs.summary import draw_cell, summary, summary_of_seeds

    first = runner.Request(
        method,
        space,
        dataset,
        protocols.load(protocol),
        0,
        Budget(epochs, seconds),
        assignments,
        device,
        data,
        results,
        checkpoint_seconds,
        again,
        track,
    )
    plans = [runner.plan(replace(first, seed=seed)) for seed in seed_range(seeds)]
    if not as_json:
        click.echo(f"{method} on {space} with {dataset}, protocol {protocol}, seed {seeds}, {plans[0].device}")
    outcomes = []
    with shown(quiet=quiet or as_json) as observe:
        for plan in plans:
            if not as_json and len(plans) == 1:
                click.echo(f"run folder: {plan.folder}")
            outcomes.append(runner.run(plan, warn=warn, observe=observe))
    if len(plans) > 1:
        with reported(outcomes[0].folder.parent / "*/result.json"):
            said = "" if as_json else summary_of_seeds(outcomes)
        click.echo(json.dumps({"runs": [_as_json(outcome) for outcome in outcomes]}, indent=2) if as_json else said)
        return
    (outcome,) = outcomes
    drawing = draw_cell(outcome)
    if as_json:
        click.echo(json.dumps({"drawing": str(drawing), **_as_json(outcome)}, indent=2))
    else:
        with reported(outcome.folder / "result.json"):
            said = summary(outcome, drawing)
        click.echo(said)


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "folder": str(outcome.folder),
        "was_done": outcome.was_done,
        "resumed_from": outcome.resumed_from,
        **outcome.result,
    }


def seed_range(text: str) -> range:
    """`7` or `0-499`. Raises HarnessError."""
    found = re.fullmatch(r"(\d{1,30})(?:-(\d{1,30}))?", text.strip())
    if not found or max(map(int, filter(None, found.groups()))) > MOST_SEED:
        raise HarnessError(
            f"--seed {quoted(text)} is not in the range: give a number from 0 to {MOST_SEED}, or two such as 0-499."
        )
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise HarnessError(f"--seed {quoted(text)} is empty; the first number is the smaller one.")
    return range(first, last + 1)
