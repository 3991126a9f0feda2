"""`harness run`: search for cells."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.commands import options
from harness.commands.several import Several
from harness.core.errors import Interrupted
from harness.core.seeds import seed_list

if TYPE_CHECKING:
    from harness.runs.runner import Outcome


@click.command()
@click.option("--method", "methods", required=True, multiple=True, help="What searches; see `harness list methods`.")
@click.option("--space", "spaces", required=True, multiple=True, help="What is searched; see `harness list spaces`.")
@click.option(
    "--dataset",
    "datasets",
    required=True,
    multiple=True,
    help="A name (`harness list datasets`), an image folder or Parquet files.",
)
@click.option(
    "--seed",
    "seeds",
    default="0",
    show_default=True,
    metavar="N[-M][,...]",
    help="One seed, or several, such as 0,3,7-9: one run each.",
)
@options.protocol(default="proxy")
@click.option("--epochs", type=int, help="Search epochs, in place of the protocol's.")
@click.option("--seconds", type=float, help="End the search after so many seconds of search time.")
@click.option("--evaluations", type=int, help="End it before more losses and gradients are asked for, or trials made.")
@click.option(
    "--objective",
    help="What is minimised, such as 'valid_loss + 0.1*log(flops/300M)'; see `harness describe objective`.",
)
@click.option("--costs", help="The file of latencies, or energies, in it; see `harness measure`.")
@options.settings("A hyper-parameter; see `harness describe METHOD`.")
@options.device()
@options.data()
@options.results()
@options.checkpoint_seconds()
@options.again()
@options.quiet()
@options.track()
@options.as_json()
def run(
    methods: tuple[str, ...],
    spaces: tuple[str, ...],
    datasets: tuple[str, ...],
    seeds: str,
    protocol: str,
    epochs: int | None,
    seconds: float | None,
    evaluations: int | None,
    objective: str | None,
    costs: str | None,
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
    """Search for cells. The same command resumes what is unfinished and skips what is done.

    \b
    harness run --method zarts-mgs --method darts-1st --space s1 --dataset digits --seed 0,3,7-9

    Methods, spaces and data sets may be given again: every combination is done, one after the other, and compared in
    the end. Where one fails the others go on, and the exit code is 2. With --json every run is one line, as soon as it
    is done.
    """
    from harness.core.types import Budget
    from harness.core.untrusted import reported
    from harness.runs import protocol as protocols
    from harness.runs import runner
    from harness.runs.loop import stop_signals
    from harness.runs.progress import shown
    from harness.runs.summary import draw_cell, summary_of
    from harness.runs.together import Ahead

    priced = {"objective": objective, "costs": costs}
    assignments += tuple(f"{name}={value}" for name, value in priced.items() if value is not None)
    chosen, numbers = protocols.load(protocol), seed_list("--seed", seeds)
    combinations = list(dict.fromkeys(product(methods, spaces, datasets)))
    several = Several(len(combinations) * len(numbers), as_json)
    plans: list[runner.Plan] = []
    for method, space, dataset in combinations:
        with several.attempt(f"{method} on {space} with {dataset}"):
            plans += [
                runner.plan(
                    runner.Request(
                        method,
                        space,
                        dataset,
                        chosen,
                        Budget(epochs, seconds, evaluations),
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
                for seed in numbers
            ]
    if plans and not as_json:
        names = (", ".join(dict.fromkeys(given)) for given in (methods, spaces, datasets))
        click.echo("{} on {} with {}, ".format(*names) + f"protocol {protocol}, seed {seeds}, {plans[0].device}")
    outcomes, is_alone = [], several.count == 1
    with (
        stop_signals() as stopped,
        shown(quiet=quiet or as_json) as observe,
        Ahead(plans, options.warn) as ahead,
    ):
        for place, plan in enumerate(plans):
            if stopped:
                raise Interrupted(f"stopped after {place} of {len(plans)} runs.")
            if is_alone and not as_json:
                click.echo(f"run folder: {plan.folder}")
            with several.attempt(plan.folder.name):
                outcomes.append(runner.run(plan, warn=options.warn, observe=observe, end=ahead.end(place)))
                drawing = draw_cell(outcomes[-1]) if is_alone else None
                if as_json:
                    click.echo(json.dumps(_as_json(outcomes[-1], drawing)))
    if outcomes and not as_json:
        with reported(outcomes[0].folder.parent / "*/result.json"):
            said = summary_of(outcomes)
        click.echo(said)
    several.finish()


def _as_json(outcome: Outcome, drawing: Path | None) -> dict[str, Any]:
    """The result, and where it is; a drawing is made of a run that is alone."""
    return {
        "drawing": drawing and str(drawing),
        "folder": str(outcome.folder),
        "was_done": outcome.was_done,
        "resumed_from": outcome.resumed_from,
        **outcome.result,
    }
