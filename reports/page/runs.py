"""What the page shows of every run: a row, and packed details."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.core.types import ending
from reports.commands import evaluate_command, run_command
from reports.costs import spoken
from reports.page.packing import image, number, pack, small
from reports.records import Records
from reports.statistics.scores import labelled

CURVES = {
    "Loss": ("train_loss", "valid_loss"),
    "Accuracy of the supernet": ("train_accuracy", "valid_accuracy"),
    "Operations in the normal cell": ("operations.normal.parameterless", "operations.normal.skip"),
    "Operations in the cell": ("operations.cell.parameterless", "operations.cell.skip", "operations.cell.none"),
    "Entropy of alpha (nats)": ("alpha_entropy",),
    "Effective sample size": ("rule.ess",),
}
"""Charts of a run: the columns of the epochs' frame in each."""


def rows_of_runs(records: Records, epoch: str) -> list[dict[str, Any]]:
    """A row and the packed details of every run."""
    labels = labelled(records.runs) if len(records.runs) else []
    by_run = dict(list(records.epochs.groupby("run"))) if len(records.epochs) else {}
    evaluations, earlier = map(_by_run, (records.evaluations, records.earlier))
    rows = []
    for run, label in zip(records.runs.to_dict("records"), labels, strict=True):
        of, on_the_way = (rows_of.get(run["run"], []) for rows_of in (evaluations, earlier))
        error = next((e[f"test_error_{epoch}"] for e in of if e["kind"] == "training"), math.nan)
        finished = bool(run["finished"])
        rows.append(
            {
                **{key: run[key] for key in ("run", "space", "dataset", "seed")},
                "method": label,
                "finished": "yes" if finished else "no",
                "parameters": f"{run['parameters'] / 1e6:.2f}" if run["parameters"] > 0 else "",
                "error": "" if pd.isna(error) else f"{error:.2f}",
                "seconds": f"{run['seconds']:.6g}" if finished else "",
                "cost": spoken(run["seconds"]) if finished else "",
                "device": run["device"],
                "packed": pack(_run_detail(run, by_run.get(run["run"]), of, on_the_way)),
            }
        )
    return rows


def _by_run(frame: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in frame.to_dict("records"):
        rows.setdefault(row["run"], []).append(row)
    return rows


def _run_detail(
    run: Mapping[str, Any],
    epochs: pd.DataFrame | None,
    of: Sequence[Mapping[str, Any]],
    on_the_way: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    folder, finished = Path(run["folder"]), bool(run["finished"])
    facts = {
        "run folder": run["folder"],
        "device": run["device"],
        "state": f"done, {ending(str(run['stopped_by']))}" if finished else "unfinished",
    }
    if finished:
        memory = f"peak memory {run['peak_memory'] / 1e9:.2f} GB ({run['memory_kind']})"
        facts |= {
            "cell": run["notation"],
            **(
                {"parameters, MACs": f"{int(run['parameters']):,}, {int(run['macs']):,}"}
                if run["parameters"] > 0
                else {}
            ),
            "cost": f"{spoken(run['seconds'])} of search; {memory}",
        }
    commands = [run_command(folder, run["spec"])]
    for evaluation, at_epoch in [*((e, None) for e in of), *((e, _had_after(epochs, e)) for e in on_the_way)]:
        file, cell = evaluation["file"], "" if at_epoch is None else f"the cell after epoch {at_epoch}: "
        before = f"{facts[file]}; " if file in facts else ""
        facts[file] = before + cell + _evaluated(evaluation)
        commands.append(evaluate_command(folder, evaluation, at_epoch))
    return {
        "title": run["run"],
        "facts": facts,
        "settings": {part: values for part, values in run["spec"]["settings"].items() if values},
        "drawing": run["notation"] if finished and (folder / "cell.svg").exists() else None,
        "curves": _curves(epochs),
        "commands": list(dict.fromkeys(commands)),
    }


def _had_after(epochs: pd.DataFrame | None, evaluation: Mapping[str, Any]) -> int | None:
    """The number of epochs after which the run first had the cell that was evaluated; None where no record has it."""
    had = () if epochs is None else epochs.epoch[epochs.genotype == evaluation["notation"]]
    return int(min(had)) + 1 if len(had) else None


def _evaluated(found: Mapping[str, Any]) -> str:
    if found["kind"] == "lookup":
        return (
            f"{found['dataset']} looked up: valid {found['valid_accuracy']:.2f} %, test {found['test_accuracy']:.2f} %"
        )
    return (
        f"{found['dataset']}, {found['size']}, protocol {found['protocol']} {found['version']}: test error "
        f"{found['test_error_last']:.2f} % in the last epoch, {found['test_error_best']:.2f} % in the best"
    )


def _curves(epochs: pd.DataFrame | None) -> list[dict[str, Any]]:
    if epochs is None:
        return []
    charts = []
    for title, columns in CURVES.items():
        present = [column for column in columns if column in epochs and epochs[column].notna().any()]
        if present:
            values = {column.rpartition(".")[2]: [number(v) for v in epochs[column]] for column in present}
            charts.append({"title": title, "epochs": [int(e) for e in epochs.epoch], "series": values})
    return charts


def drawings(records: Records) -> dict[str, str]:
    """The drawings that the run folders hold, packed, one for every cell."""
    found: dict[str, str] = {}
    for run in records.finished.itertuples():
        path = Path(run.folder) / "cell.svg"
        if run.notation not in found and path.exists():
            found[run.notation] = pack(image(small(path.read_bytes())))
    return found
