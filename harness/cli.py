"""The command line. Everything heavy is imported by the command that needs it: `harness --help` answers in a blink."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import __version__
from harness.core.errors import HarnessError, Interrupted
from harness.core.rng import MOST_SEED
from harness.commands.suite import suite

if TYPE_CHECKING:
    from harness.evaluation.evaluate import Outcome as Evaluated
    from harness.runs.runner import Outcome

REGRESSED, WRONG, INTERRUPTED = 1, 2, 130


class Commands(click.Group):
    """Turns the harness's errors into one line and an exit code; `--debug` shows the traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HarnessError as error:
            if ctx.params["debug"]:
                raise
            click.echo(f"harness: {error}", err=True)
            ctx.exit(WRONG)
        except Interrupted as stop:
            click.echo(f"harness: {stop} Run the same command again to go on.", err=True)
            ctx.exit(INTERRUPTED)
        except KeyboardInterrupt:
            click.echo("harness: interrupted.", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="harness")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Run neural architecture searches that can be killed, resumed and compared.

    \b
    harness run --method zarts-mgs --space s1 --dataset digits    search; run it again to resume
    harness evaluate RUN_DIR                                      train the cell it found, or look it up
    harness list methods                                          what there is
    harness describe zarts-mgs                                    parts, sources, hyper-parameters
    harness suite run table2                                      many searches, on every device there is
    harness report table2                                         the paper's table, measured beside published
    """


@main.command()
@click.option("--method", required=True, help="What searches; see `harness list methods`.")
@click.option("--space", required=True, help="What is searched; see `harness list spaces`.")
@click.option("--dataset", required=True, help="A name (`harness list datasets`), an image folder or Parquet files.")
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
    as_json: bool,
) -> None:
    """Search for a cell. The same command resumes what is unfinished and skips what is done."""
    from rich.console import Console

    from harness.runs import protocol as protocols
    from harness.runs import runner
    from harness.runs.progress import display, live_display
    from harness.core.types import Budget

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
    )
    plans = [runner.plan(replace(first, seed=seed)) for seed in seed_range(seeds)]
    if not as_json:
        click.echo(f"{method} on {space} with {dataset}, protocol {protocol}, seed {seeds}, {plans[0].device}")
    outcomes = []
    with live_display(Console(stderr=True)) as live:
        for plan in plans:
            if not as_json and len(plans) == 1:
                click.echo(f"run folder: {plan.folder}")
            observe = None if live is None or as_json else partial(display, live=live)
            outcomes.append(runner.run(plan, warn=_warn, observe=observe))
    if len(plans) > 1:
        click.echo(
            json.dumps({"runs": [_as_json(outcome) for outcome in outcomes]}, indent=2)
            if as_json
            else _summary_of_seeds(outcomes)
        )
        return
    (outcome,) = outcomes
    drawing = _draw(outcome)
    if as_json:
        click.echo(json.dumps({"drawing": str(drawing), **_as_json(outcome)}, indent=2))
    else:
        click.echo(_summary(outcome, drawing))


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "folder": str(outcome.folder),
        "was_done": outcome.was_done,
        "resumed_from": outcome.resumed_from,
        **outcome.result,
    }


def _draw(outcome: Outcome) -> Path:
    """The cell's drawing in the run folder, made if it is not there."""
    from spaces.drawing import draw

    path = outcome.folder / "cell.svg"
    if not path.exists():
        draw(outcome.genotype, path)
    return path


def seed_range(text: str) -> range:
    """`7` or `0-499`. Raises HarnessError."""
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    if not found or max(map(int, filter(None, found.groups()))) > MOST_SEED:
        raise HarnessError(
            f"--seed {text[:40]!r} is not in the range: give a number from 0 to {MOST_SEED}, or two such as 0-499."
        )
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise HarnessError(f"--seed {text!r} is empty; the first number is the smaller one.")
    return range(first, last + 1)


def _summary(outcome: Outcome, drawing: Path) -> str:
    from harness.core.text import cell_rows, columns
    from harness.core.types import ending

    result = outcome.result
    state = "was done before" if outcome.was_done else f"done, {ending(result['stopped_by'])}"
    if outcome.resumed_from is not None:
        state += f", resumed from step {outcome.resumed_from:,}"
    rows = [
        ("search", state),
        *cell_rows(outcome.genotype),
        ("genotype", result["notation"]),
        ("parameters", f"{result['parameters']:,} ({result['how']['parameters']})"),
        *_accuracies(result),
        *_costs(result["cost"]),
        ("drawing", str(drawing)),
        ("run folder", str(outcome.folder)),
    ]
    return "\n".join(columns(rows))


def _accuracies(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is known of the cell, by what its search was on."""
    rows = []
    if "valid_accuracy" in result:
        rows.append(("validation", f"{100 * result['valid_accuracy']:.2f} % of alpha's images, by the supernet"))
    if "trial_accuracy" in result:
        rows.append(("best trial", f"{result['trial_accuracy']:.2f} % of the validation images"))
    for dataset, accuracies in result.get("table", {}).items():
        shown = ", ".join(f"{split} {percent:.2f} %" for split, percent in accuracies.items())
        rows.append(("" if dataset != next(iter(result["table"])) else "by the table", f"{dataset}: {shown}"))
    return rows


def _costs(cost: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was spent, without what this family of searches does not spend."""
    from harness.runs.progress import duration

    seconds = [f"{duration(cost['seconds'])} of search"]
    if cost["validation_seconds"]:
        seconds.append(f"{duration(cost['validation_seconds'])} of validation")
    if cost["simulated_seconds"]:
        seconds.append(f"{duration(cost['simulated_seconds'])} by the table's times")
    names = {
        "weight_steps": "weight steps",
        "alpha_steps": "alpha updates",
        "finetune_steps": "fine-tuning steps",
        "evaluations": "evaluations",
        "forwards": "forward passes",
        "backwards": "backward passes",
        "images": "images",
    }
    counts = [f"{cost[key]:,} {name}" for key, name in names.items() if cost[key]]
    saved = cost["saved_activations"]
    return [
        ("cost", ", ".join(seconds)),
        ("", ", ".join(counts)),
        *([("", f"saved activations {saved / 2**20:,.1f} MiB at a step")] if saved else []),
        ("", f"peak memory {cost['peak_memory'] / 2**20:,.0f} MiB ({cost['memory_kind']})"),
    ]


def _summary_of_seeds(outcomes: Sequence[Outcome]) -> str:
    """Mean and standard deviation of what all runs report."""
    from statistics import fmean, median, pstdev

    from harness.core.text import columns

    results = [outcome.result for outcome in outcomes]
    done = sum(outcome.was_done for outcome in outcomes)
    rows = [
        ("runs", f"{len(results)}, of which {done} were done before"),
        ("run folders", str(outcomes[0].folder.parent)),
    ]
    for name in ("valid_accuracy", "trial_accuracy"):
        if name in results[0]:
            values = [result[name] for result in results]
            rows.append((name, f"{fmean(values):.4f} ± {pstdev(values):.4f}"))
    for dataset, accuracies in results[0].get("table", {}).items():
        for split in accuracies:
            values = [result["table"][dataset][split] for result in results]
            rows.append(
                (f"{dataset} {split}", f"{fmean(values):.2f} ± {pstdev(values):.2f} %, median {median(values):.2f} %")
            )
    seconds = fmean(result["cost"]["seconds"] for result in results)
    rows.append(("cost", f"{seconds:.2f} s of search per run"))
    return "\n".join(columns(rows))


@main.command()
@click.argument("target", metavar="RUN_DIR|GENOTYPE")
@click.option("--dataset", help="What to train on: a name or a path; by default the run's.")
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
    as_json: bool,
) -> None:
    """Say what a cell is worth: train it from scratch, or look it up in NAS-Bench-201's table.

    The cell is that of a run folder, a genotype in any notation, or a published one (DARTS_V2). The same command
    resumes what is unfinished and skips what is done. Several GPUs: torchrun --nproc-per-node N -m harness evaluate ...
    """
    from rich.console import Console

    from harness.evaluation import evaluate as evaluating
    from harness.evaluation.distributed import leads
    from harness.runs.progress import TrainingDisplay, live_display

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
        at_epoch,
    )
    plan = evaluating.plan(request)
    console = Console(stderr=True)
    speaks = leads() and not as_json
    if speaks:
        click.echo(f"evaluation: {plan.file}")
    with live_display(console) as live:
        observe = (lambda trainer: TrainingDisplay(trainer, live)) if live is not None and speaks else None
        outcome = evaluating.run(plan, lambda message: click.echo(f"harness: {message}", err=True), observe)
    if not leads():
        return
    if as_json:
        state = {"file": str(outcome.file), "was_done": outcome.was_done, "resumed_from": outcome.resumed_from}
        click.echo(json.dumps({**state, **outcome.evaluation}, indent=2))
    else:
        click.echo(_evaluation_summary(outcome))


def _evaluation_summary(outcome: Evaluated) -> str:
    from harness.core.genotype import parse
    from harness.runs.progress import duration
    from harness.core.text import cell_rows, columns

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
    return "\n".join(columns(rows))


KINDS = ("methods", "spaces", "datasets", "protocols", "suites", "reports")


@main.command(name="list")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(kind: str, as_json: bool) -> None:
    """What there is, by name."""
    found = _registry(kind)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        width = max(map(len, found))
        click.echo("\n".join(f"{name:<{width}}  {summary}" for name, summary in found.items()))


def _registry(kind: str) -> dict[str, str]:
    """name -> one line."""
    if kind == "methods":
        from methods.catalogue import CATALOGUE

        return {name: entry.summary for name, entry in CATALOGUE.items()}
    if kind == "spaces":
        from spaces import SPACES

        return {name: f"{space.summary} (d = {space.dimension})" for name, space in SPACES.items()}
    if kind == "datasets":
        from harness.data.catalogue import DATASETS

        return dict(DATASETS)
    if kind == "suites":
        from harness.suite import definition

        return definition.summaries()
    if kind == "reports":
        from reports import REPORTS

        return dict(REPORTS)
    from harness.runs import protocol

    loaded = [protocol.load(name) for name in protocol.available()]
    return {item.name: f"version {item.version}: {item.summary}" for item in loaded}


@main.command()
@click.argument("name")
@click.option("--draw", "drawing", type=click.Path(path_type=Path), help="Draw the cell into this .svg, .png or .pdf.")
@click.option(
    "--classes", default=10, show_default=True, type=click.IntRange(2, 100_000), help="Of a genotype's final network."
)
@click.option(
    "--memory-on", metavar="SPACE", help="Measure what a step of a method keeps in memory there, at its default size."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def describe(name: str, drawing: Path | None, classes: int, memory_on: str | None, as_json: bool) -> None:
    """What NAME is: a method, space, data set, protocol, published cell, genotype, or run folder."""
    from harness.describing import describe as describing

    description = describing.describe(name, classes)
    if memory_on is not None:
        description = describing.with_memory(description, memory_on)
    if drawing is not None:
        describing.draw(description, drawing)
    click.echo(json.dumps(description.to_json(), indent=2) if as_json else str(description))
    if drawing is not None and not as_json:
        click.echo(f"drawing: {drawing}")


@main.command()
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
    from reports import report as reports

    found = results or Path("results")
    records = reports.load(found, must_exist=results is not None, warn=_warn)
    records = records.select(protocol).where(parse_assignments(where))
    if records.runs.empty:
        _warn(f"no runs are found in {found}; only published values are shown.")
    files = reports.files(name, form, records, epoch)
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


@main.command()
@click.argument("kind", metavar="KIND")
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting of the analysis.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--data", type=click.Path(path_type=Path), envvar="HARNESS_DATA", show_envvar=True, help="Where data sets are kept."
)
@click.option("--dataset", help="The run's data, where they were given by path.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object, and nothing else.")
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
        found = analysis.analyse(asked, _warn, lambda done, of: progress.update(task, completed=done, total=of))
    click.echo(json.dumps(found, indent=2) if as_json else str(run_dir / f"analysis-{kind}.json"))


def _warn(message: str) -> None:
    click.echo(f"harness: {message}", err=True)


@main.command()
@click.option(
    "--part",
    "chosen",
    type=click.Choice(["all", "table", "supernet"]),
    default="all",
    show_default=True,
    help="`all` leaves the table out, and says so, where none is imported; `table` requires it.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    default=Path("results/baselines/regress.json"),
    show_default=True,
    help="What is compared with.",
)
@click.option(
    "--first-seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, MOST_SEED // 2),
    help="The baseline's begin with 0: an unchanged tree then gives the same numbers. Others are as fair.",
)
@click.option("--update", is_flag=True, help="Measure again and store the baseline, in place of comparing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def regress(chosen: str, baseline: Path, first_seed: int, update: bool, as_json: bool) -> None:
    """Say whether methods became worse than a stored baseline: exit code 1 if any did. Prints Markdown."""
    import time

    import torch

    from harness.regress import checks as checks
    from harness.core.files import make_folder, read_object, write_json
    from harness.tables.nasbench201 import default_path

    torch.set_num_threads(1)  # the networks are too small for more, and the sums do not depend on the machine's cores
    began, notes = time.perf_counter(), []
    names = [name for name in checks.PARTS if chosen in ("all", name)]
    if chosen == "all" and not default_path().exists():
        names.remove("table")
        notes.append(
            "**Only the supernet was checked**: there is no NAS-Bench-201 table here. Import one with "
            "`harness data import nasbench201 FILE`."
        )
    parts = [part for name in names for part in checks.PARTS[name]]

    def progress(message: str) -> None:
        if not as_json:
            click.echo(message, err=True)

    if update:
        stored = read_object(baseline, "parts")["parts"] if baseline.exists() else {}
        measured, fingerprints = checks.check(parts, 0, lambda part: part.baseline_seeds, progress)
        content = checks.to_baseline(parts, measured, fingerprints, "harness regress --update")
        make_folder(baseline.parent)
        write_json(baseline, {**content, "parts": {**stored, **content["parts"]}})
        for note in notes:
            click.echo(f"harness: {note}", err=True)
        click.echo(json.dumps({"baseline": str(baseline)}) if as_json else f"baseline: {baseline}")
        return
    if not baseline.exists():
        raise HarnessError(f"there is no baseline {baseline}; make one with `harness regress --update`.")
    content = read_object(baseline, "made", "parts")
    known = checks.from_baseline(content, parts)
    measured, fingerprints = checks.check(parts, first_seed, lambda part: part.seeds, progress)
    notes += [
        f"The baseline's part {name!r} was made from other data than these."
        for name, fingerprint in fingerprints.items()
        if content["parts"][name]["data"] != fingerprint
    ]
    verdicts = checks.judge(measured, known)
    seconds = time.perf_counter() - began
    regressed = any(verdict.regressed for verdict in verdicts)
    if as_json:
        facts = {"regressed": regressed, "false_alarms": checks.FALSE_ALARMS, "notes": notes, "seconds": seconds}
        click.echo(json.dumps({**facts, "verdicts": [verdict.to_json() for verdict in verdicts]}, indent=2))
    else:
        click.echo(checks.to_markdown(verdicts, notes, seconds))
    if regressed:
        sys.exit(REGRESSED)


@main.group()
def data() -> None:
    """Fetch, import and verify data sets and tables."""


NASBENCH201 = "nasbench201"
"""Beside the data sets, a table of what training every cell of that space gave."""


def _data_options(command: Any) -> Any:
    command = click.option(
        "--data",
        "root",
        type=click.Path(path_type=Path),
        envvar="HARNESS_DATA",
        show_envvar=True,
        help="Where data sets are kept.",
    )(command)
    return click.argument("dataset")(command)


@data.command()
@_data_options
def prepare(dataset: str, root: Path | None) -> None:
    """Fetch a data set if it is absent, and read every image once."""
    from harness import data as datasets

    click.echo(str(datasets.prepare(dataset, root)))


@data.command()
@_data_options
def check(dataset: str, root: Path | None) -> None:
    """Read every image of a data set that is here, or the table of nasbench201, and say what it holds."""
    if dataset == NASBENCH201:
        click.echo(_table_summary())
    else:
        from harness import data as datasets

        click.echo(str(datasets.check(dataset, root)))


@data.command(name="import")
@click.argument("table", type=click.Choice([NASBENCH201]))
@click.argument("file", type=click.Path(path_type=Path))
def import_(table: str, file: Path) -> None:
    """Make the TABLE that later commands look cells up in.

    FILE is one of NAS-Bench-201's (.pth), NATS-Bench's topology file (.pickle.pbz2) or folder, or a CSV file. None of
    them is trusted: what would run code is refused.
    """
    from rich.console import Console
    from rich.progress import Progress

    from harness.tables.importing import import_table, size

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"reading {file.name}", total=2 * size(file))
        import_table(file, advance=lambda count: progress.advance(task, count))
    click.echo(_table_summary())


def _table_summary() -> str:
    from harness.tables.importing import summary
    from harness.tables.nasbench201 import default_path, open_table

    return summary(open_table(), default_path())


main.add_command(suite)

if __name__ == "__main__":
    sys.exit(main())
