"""A line for every epoch, to the logger `harness`: what a log file of a search or a training shows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from harness.core.types import Cost, Recorded
from harness.runs.logs import LOGGER
from harness.runs.progress import Clock, duration


class Lines:
    """Logs the records that come after the first `told`, each as one line that begins with the run's name."""

    def __init__(self, name: str, epochs: int, clock: Clock, told: int) -> None:
        self.name, self.epochs, self.clock, self.told = name, epochs, clock, told

    def update(self, state: Recorded, seconds: float) -> None:
        self.clock.add(state, seconds)
        fresh = state.records[self.told :]
        self.told = len(state.records)
        if state.stopped_by and not fresh and "selection" in state.records[-1]:
            fresh = state.records[-1:]  # what the search after training has entered there
        if fresh and LOGGER.isEnabledFor(logging.INFO):
            left = None if state.stopped_by else self.clock.left(state)
            for record in fresh:
                LOGGER.info("%s: %s", self.name, line(record, self.epochs, left))


def line(record: Mapping[str, Any], epochs: int, left: float | None) -> str:
    """One epoch in words, of a search in any family or of a training; `left` is in seconds, None where unknown."""
    said = [
        f"epoch {record['epoch'] + 1} of {epochs}",
        _losses("training", "train", record),
        _losses("validation", "valid", record),
        _losses("test", "test", record),
        _selection(record),
        *_accuracies(record),
        *(_cell(kind, counts) for kind, counts in record.get("operations", {}).items()),
        _cost(record["cost"]),
        f"{duration(left)} left" if left is not None else "",
    ]
    return "; ".join(filter(None, said))


def _losses(title: str, prefix: str, record: Mapping[str, Any]) -> str:
    """`training loss 2.301, accuracy 12.5 %`; empty where the record has none of that prefix."""
    said = []
    if f"{prefix}_loss" in record:
        loss = record[f"{prefix}_loss"]
        said.append("loss not finite" if loss is None else f"loss {loss:.3f}")
    if f"{prefix}_accuracy" in record:
        said.append(f"accuracy {100 * record[f'{prefix}_accuracy']:.1f} %")
    if f"{prefix}_error" in record:
        said.append(f"error {record[f'{prefix}_error']:.2f} %")
    return f"{title} {', '.join(said)}" if said else ""


def _accuracies(record: Mapping[str, Any]) -> Sequence[str]:
    """Those in percent: of the trial, of the best so far, and of the cell by the table."""
    names = {"trial_accuracy": "trial", "best_accuracy": "best"}
    said = [f"{title} {record[name]:.2f} %" for name, title in names.items() if name in record]
    table = [f"{split} {percent:.2f} %" for split, percent in record.get("table", {}).items()]
    found = [f"accuracy of the {', of the '.join(said)}"] if said else []
    return found + ([f"by the table {', '.join(table)}"] if table else [])


def _selection(record: Mapping[str, Any]) -> str:
    """`best of 100 candidates 43.75`; empty before any were scored."""
    if "selection" not in record:
        return ""
    selection = record["selection"]
    return f"best of {selection['ranked']:,} candidates {selection['best_score']:.2f}"


def _cell(kind: str, counts: Mapping[str, int]) -> str:
    skips = counts["skip"]
    title = "cell" if kind == "cell" else f"{kind} cell"
    return f"{title} {skips} skip{'' if skips == 1 else 's'}, {counts['parameterless']} parameterless"


def _cost(cost: Mapping[str, Any]) -> str:
    steps = cost["steps"] if "steps" in cost else Cost.from_json(cost).steps
    return f"{duration(cost['seconds'])}, {steps:,} step{'' if steps == 1 else 's'}"
