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


def summary(outcome: Outcome, drawing: Path) -> str:
    """The run in lines, with where its cell was drawn."""
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


def summary_of_seeds(outcomes: Sequence[Outcome]) -> str:
    """Mean and standard deviation of what all runs report."""
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
