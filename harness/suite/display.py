"""Suites as text: where every cell stands, and what is left to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core.text import columns
from harness.runs.progress import duration
from harness.suite.driver import MOST
from harness.suite.status import Status, log_of, totals


def standings(found: Sequence[Status], results: Path) -> str:
    """A line per cell, and the totals."""
    lines = columns([(item.state, item.cell.name, _detail(item, results)) for item in found])
    return "\n".join([*lines, total_line(found)])


def total_line(found: Sequence[Status]) -> str:
    """`24 cells: 3 done, 20 queued, 1 failed`"""
    counts = ", ".join(f"{count:,} {state}" for state, count in totals(found).items())
    return f"{len(found):,} cells: {counts}"


def _detail(item: Status, results: Path) -> str:
    if item.state == "failed":
        log = log_of(item.cell, results)
        return f"{item.reason} (log: {log})" if log.exists() else f"{item.reason}"
    if item.state != "running":
        return f"{item.epoch} of {item.epochs} epochs done" if item.epoch else ""
    epoch = "" if item.epoch is None else f"epoch {min(item.epoch + 1, item.epochs or 0)} of {item.epochs}, "
    left = "time left not known yet" if item.seconds_left is None else f"{duration(item.seconds_left)} left"
    return f"{epoch}{left}, on {item.where}"


HEADINGS = ("cells of", "method", "space", "data", "protocol", "settings", "cells", "done", "each", "memory", "left")


def plan(content: Mapping[str, Any]) -> str:
    """The matrix of a plan, a line per kind of cell, and the totals with how they were estimated."""
    rows = [HEADINGS, *(_kind(kind) for kind in content["kinds"])]
    return "\n".join([*columns(rows), "", *_totals(content)])


def _kind(kind: Mapping[str, Any]) -> tuple[str, ...]:
    known = kind["seconds_each"] is not None
    each = duration(kind["seconds_each"]) if known else "?"
    left = duration(kind["seconds_left"]) if known else "?"
    memory = f"{kind['memory'] / 2**30:.1f} GiB" if known else "?"
    settings = " ".join(kind["settings"]) or "-"
    names = (kind[key] for key in ("kind", "method", "space", "dataset", "protocol"))
    return (*names, settings, str(kind["cells"]), str(kind["done"]), each, memory, left)


def _totals(content: Mapping[str, Any]) -> list[str]:
    lines = [f"{content['cells']:,} cells, {content['done']:,} done"]
    priced = [kind for kind in content["kinds"] if kind["seconds_each"] is not None]
    if priced:
        memory = max(kind["memory"] for kind in priced) / 2**30
        lines.append(
            f"the rest: {content['hours']:.2f} {content['unit']}, {duration(content['seconds_to_end'])} to the end on "
            f"{content['devices']}, at most {memory:.1f} GiB in one cell ({priced[0]['memory_kind']})"
        )
        lines.append(
            f"estimated from {content['steps_timed']:,} real steps, timed on this machine with all workers busy: "
            "loading, steps with and without an update of alpha, a validation; times how many of each a search takes"
        )
    if any(kind["together"] > 1 and kind["seconds_left"] for kind in priced):
        lines.append(
            f"searches on a table that differ in their seed alone: timed as they are done, up to {MOST} by a worker"
        )
    reasons: dict[str, list[str]] = {}
    for kind in content["kinds"]:
        if kind["unknown"]:
            named = f"{kind['method']} on {kind['space']} with {kind['dataset']}"
            reasons.setdefault(kind["unknown"], []).append(named)
    for reason, (first, *others) in reasons.items():
        more = f" and {len(others):,} more" if others else ""
        lines.append(f"not estimated: {first}{more}: {reason}")
    return lines
