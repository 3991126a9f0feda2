"""What the trials of a cell come to, and whether that is what was published."""

from __future__ import annotations

import re

import pandas as pd

from reports.costs import spoken
from reports.records import CPU
from reports.statistics import inference
from reports.tables.cells import (
    BETTER,
    NOT_COMPARABLE,
    WITHIN,
    WORSE,
    Measured,
    Published,
    Statistic,
)
from reports.tables.layouts import (
    PAPER_GPU,
    PAPER_PROTOCOL,
    Metric,
)

SELECTED = "its paper selects its best otherwise"
LEAST_DAYS = 0.05
"""What rounds to a tenth of a day; shorter searches are told in hours, minutes or seconds."""
USUAL = 4
"""Of how many runs a best is taken where a paper does not say."""
ROUNDING = 1e-9
EVALUATED = ("test_error_pct", "top1_error_pct", "valid_accuracy_pct", "test_accuracy_pct")


def measure(trials: pd.DataFrame, metric: str, statistic: Statistic) -> Measured | str:
    """The statistic of the trials, or why there is none.

    A best of n is of the runs with the n smallest seeds, however many there are. All numbers of a row are of the same
    runs: those that were evaluated, if any were.
    """
    scored = trials[trials[list(EVALUATED)].notna().any(axis=1)]
    if scored.empty and (metric in EVALUATED or statistic.kind == "best"):
        return "its runs are not evaluated on this" if len(trials) else ""
    used = trials if scored.empty else scored
    if statistic.kind == "best":
        used = used.head(statistic.n or USUAL)
    used = used[used[metric].notna()]
    if used.empty:
        return "its runs are not evaluated on this"
    devices = list(dict.fromkeys(used.device))
    of_search = metric in ("search_cost_gpu_days", "search_memory_GB")
    if of_search and len(devices) > 1:
        return f"its runs were on {' and '.join(devices)}, and are not averaged"
    values = tuple(float(value) for value in used[metric])
    value = sum(values) / len(values)
    if statistic.kind == "best":
        errors = used.test_error_pct.fillna(used.top1_error_pct)
        value = float(used.loc[errors.idxmin(), metric])
    kind = "mean" if statistic.kind == "single" and len(values) > 1 else statistic.kind
    sizes = list(dict.fromkeys(used["size"]))
    return Measured(
        value,
        inference.population_std(values),
        Statistic(kind, len(values)),
        values,
        tuple(used.run),
        sizes[0] if len(sizes) == 1 else ", ".join(map(str, sizes)),
        ", ".join(devices),
        _unit(metric, devices[0]),
        spoken(value * 86400) if metric == "search_cost_gpu_days" and value < LEAST_DAYS else "",
    )


def _unit(metric: str, device: str) -> str:
    if metric == "search_cost_gpu_days":
        return "CPU-days" if device == CPU else f"GPU-days, {device}"
    if metric == "search_memory_GB":
        return "RSS of the process" if device == CPU else f"CUDA allocator, {device}"
    return ""


def judge(
    known: Published, found: Measured, name: str, metric: Metric, protocol: str | None, size: str | None
) -> tuple[str, str]:
    """The verdict and, without one, the reasons."""
    of_search = name in ("search_cost_gpu_days", "search_memory_GB")
    needed = known.statistic
    reasons = []
    if protocol != PAPER_PROTOCOL:
        reasons.append(f"protocol {protocol} is not the paper's")
    if size and found.size not in (size, None) and not of_search:
        reasons.append(f"networks of {found.size}, published of {size}")
    if needed.kind == "best" and needed.n and found.n < needed.n:
        reasons.append(f"best of {found.n}, published of {needed.n}")
    if needed.n is None:
        reasons.append("its paper does not say of how many runs")
    if needed.kind == "best" and not known.own:
        reasons.append(SELECTED)
    if needed.kind != "best" and found.n < 2:
        reasons.append("one run has no spread")
    if of_search and not re.search(PAPER_GPU, found.device, re.IGNORECASE):
        reasons.append(f"measured on {found.device}, published of an NVIDIA 2080Ti")
    if name == "flops_M":
        reasons.append("FLOPs are counted in another way")
    if reasons:
        return NOT_COMPARABLE, "; ".join(reasons)
    difference = found.value - float(known.text)
    room = _half_width(known, found, name) + 0.5 * 10**-known.decimals
    if abs(difference) <= room + ROUNDING:
        return WITHIN, ""
    return (BETTER if (difference < 0) == metric.lower_is_better else WORSE), ""


def _half_width(known: Published, found: Measured, name: str) -> float:
    if known.statistic.kind == "mean":
        published_std = float(known.std) if known.std else None
        return inference.half_width_of_means(found.values, published_std, known.statistic.n or 1)
    if known.statistic.kind == "single":
        return inference.half_width_of_single_and_mean(found.values)
    if name == "test_error_pct":
        return inference.half_width_of_bests(found.values)
    return inference.half_width_of_singles(found.values)
