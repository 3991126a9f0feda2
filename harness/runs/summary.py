"""A finished run as text, and its cell as a drawing: what `harness run` shows and the log of a suite's cell holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any

from harness.core.text import cell_rows, columns
from harness.core.types import ending
from harness.runs.progress import duration
from harness.runs.runner import Outcome


def draw_cell(outcome: Outcome) -> Path:
    """The cell's drawing in the run folder, made if it is not there."""
    from spaces.drawing import draw

    path = outcome.folder / "cell.svg"
    if not path.exists():
        draw(outcome.genotype, path)
    return path


def summary(outcome: Outcome, drawing: Path | None = None) -> str:
    """The run in lines, with where its cell was drawn, if it was."""
    result = outcome.result
    state = "was done before" if outcome.was_done else f"done, {ending(result['stopped_by'])}"
    if outcome.resumed_from is not None:
        state += f", resumed from step {outcome.resumed_from:,}"
    rows = [
        ("search", state),
        *cell_rows(outcome.genotype),
        ("genotype", result["notation"]),
        *_size(result),
        *_accuracies(result),
        *_costs(result["cost"]),
        *([("drawing", str(drawing))] if drawing else []),
        ("run folder", str(outcome.folder)),
    ]
    return "\n".join(columns(rows))


def _size(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Nothing where there is no network to count."""
    if "parameters" not in result:
        return []
    return [("parameters", f"{result['parameters']:,} ({result['how']['parameters']})")]


def _accuracies(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is known of the cell, by what its search was on."""
    rows = []
    if "valid_accuracy" in result:
        rows.append(("validation", f"{100 * result['valid_accuracy']:.2f} % of alpha's images, by the supernet"))
    if "selection" in result:
        selection = result["selection"]
        rows.append(("best candidate", f"{selection['best_score']:.2f} of {selection['ranked']:,}: {selection['by']}"))
    if "trial_accuracy" in result:
        rows.append(("best trial", f"{result['trial_accuracy']:.2f} % of the validation images"))
    if "trial_score" in result:
        rows.append(("best trial", f"score {result['trial_score']:.6g}, of the untrained network"))
    for dataset, accuracies in result.get("table", {}).items():
        shown = ", ".join(f"{split} {percent:.2f} %" for split, percent in accuracies.items())
        rows.append(("" if dataset != next(iter(result["table"])) else "by the table", f"{dataset}: {shown}"))
    return rows


def _costs(cost: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was spent, without what this family of searches does not spend."""
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


def summary_of(outcomes: Sequence[Outcome]) -> str:
    """One run in full, the mean over several of one kind, or a comparison of several kinds."""
    if len(outcomes) == 1:
        return summary(outcomes[0], draw_cell(outcomes[0]))
    return summary_of_seeds(outcomes) if len(_by_kind(outcomes)) == 1 else comparison(outcomes)


KIND = ("method", "space", "dataset")
"""What runs are of one kind by."""
PERCENT = {"valid_accuracy": ("validation %", 100.0), "trial_accuracy": ("best trial %", 1.0)}
"""Of a result's figures: the heading, and what makes percent of them."""


def comparison(outcomes: Sequence[Outcome]) -> str:
    """A line per method, space and data set: how many runs, mean ± standard deviation of each figure that any of them
    has, and the mean cost of a run."""
    kinds = _by_kind(outcomes)
    figures = [[_percentages(outcome.result) for outcome in group] for group in kinds.values()]
    names = list(dict.fromkeys(name for group in figures for name in group[0]))
    rows = [("method", "space", "data", "n", *names, "seconds", "steps", "peak MiB")]
    for (kind, group), found in zip(kinds.items(), figures, strict=True):
        costs = [outcome.result["cost"] for outcome in group]
        rows.append(
            (
                *kind,
                str(len(group)),
                *(_spread([item[name] for item in found]) if name in found[0] else "-" for name in names),
                _spread([cost["seconds"] for cost in costs]),
                f"{fmean(_steps(cost) for cost in costs):,.0f}",
                f"{max(cost['peak_memory'] for cost in costs) / 2**20:,.0f}",
            )
        )
    note = "n runs each; mean ± standard deviation over them; seconds and steps of search, a run; the highest memory"
    return "\n".join([*columns(rows), "", note, f"run folders: {_parents(outcomes)}"])


def _by_kind(outcomes: Sequence[Outcome]) -> dict[tuple[str, ...], list[Outcome]]:
    kinds: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in outcomes:
        kinds.setdefault(tuple(str(outcome.result[key]) for key in KIND), []).append(outcome)
    return kinds


def _percentages(result: Mapping[str, Any]) -> dict[str, float]:
    """What is known of a cell, by heading: the test accuracies of a table, else what the search itself measured."""
    found = {heading: result[key] * factor for key, (heading, factor) in PERCENT.items() if key in result}
    tested = {f"{data} test %": splits["test"] for data, splits in result.get("table", {}).items()}
    return tested or found


def _steps(cost: Mapping[str, Any]) -> int:
    """How far a search went, as `harness.core.types.Cost.steps` counts it."""
    return int(cost["weight_steps"] or cost["alpha_steps"] or cost["evaluations"])


def _spread(values: Sequence[float]) -> str:
    return f"{fmean(values):.2f} ± {pstdev(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


def _parents(outcomes: Sequence[Outcome]) -> str:
    return ", ".join(dict.fromkeys(str(outcome.folder.parent) for outcome in outcomes))


def summary_of_seeds(outcomes: Sequence[Outcome]) -> str:
    """Mean and standard deviation of what all runs of one kind report."""
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
