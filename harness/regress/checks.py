"""Whether a change made methods worse: methods x seeds against a stored baseline, decided by a stated test.

Two parts, both small on purpose:

* table: every method on the space nasbench201-table (a rule on the exact objective, a strategy on the benchmark's own
  budget). What is found has a known test accuracy.
* supernet: DARTS and ZARTS on a supernet of nasbench201 and the embedded digits: weights, fine-tuning, batches.

Of each run some figures are kept, all of them better when smaller, rounded to DIGITS significant digits. For each
method and figure a Mann-Whitney U test asks whether the figures of now tend to be larger than the baseline's; Holm's
correction over all tests of a call holds the probability of any false alarm at FALSE_ALARMS or below, however the tests
depend on one another. The test needs independent runs of one distribution, nothing else: the seeds may be fresh ones,
or the baseline's, for which an unchanged tree gives the same numbers on the same machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from harness import data
from harness.core.errors import HarnessError, quoted
from harness.core.settings import applicable
from harness.core.types import Budget, SearchResult
from harness.core.version import __version__
from methods import METHODS
from methods.families import resolve
from methods.tabular.data import TableData, open_data
from spaces import SPACES

FALSE_ALARMS = 0.01
"""Of a whole call: the most probable it is that an unchanged tree gets any alarm."""
DIGITS = 4
"""Significant ones: what differs in later digits, as between machines, is no regression."""
VERSION = 1
"""Of the parts below; a baseline of another version is not compared with."""

Figures = dict[str, list[float]]
"""By the figure's name one value per seed."""


@dataclass(frozen=True)
class Part:
    """Methods that are run alike."""

    name: str
    space: str
    dataset: str
    methods: tuple[str, ...]
    settings: Mapping[str, Any]
    """For those methods that have them."""
    epochs: int | None
    seeds: int
    """In a check."""
    baseline_seeds: int

    def to_json(self) -> dict[str, Any]:
        """What a baseline must have been made with."""
        shown = ("space", "dataset", "settings", "epochs")
        return {"version": VERSION, **{name: getattr(self, name) for name in shown}}


RULES = Part(
    "table, rules",
    "nasbench201-table",
    "cifar10",
    ("darts-1st", "zarts-rs", "zarts-mgs", "zarts-gld"),
    # Far fewer updates than by default; with this sigma and tau the losses weigh as much as the density of MGS.
    {"updates": 25, "alpha_lr": 3e-3, "smallest_radius": 0.004, "sigma": 0.1, "tau": 1e-3},
    epochs=10,
    seeds=20,
    baseline_seeds=40,
)
STRATEGIES = Part(
    "table, black box",
    "nasbench201-table",
    "cifar10",
    ("random-search", "rea", "reinforce", "hyperband", "bohb"),
    {},
    epochs=None,
    seeds=20,
    baseline_seeds=40,
)
SUPERNET = Part(
    "supernet",
    "nasbench201",
    "digits",
    ("darts-1st", "zarts-mgs", "zarts-gld"),
    {
        "images": 256,
        "batch": 32,
        "valid_batch": 128,
        "finetune_batch": 32,
        "channels": 4,
        "cells": 1,
        "lr": 0.1,
        "warmup": 0,
        "cadence": 4,
        "samples": 2,
        "finetune_steps": 5,
        "smallest_radius": 0.06,
    },
    epochs=2,
    seeds=8,
    baseline_seeds=24,
)
PARTS = {"table": (RULES, STRATEGIES), "supernet": (SUPERNET,)}


def figures(result: SearchResult) -> dict[str, float]:
    """What is kept of a run, by what its last record has; smaller is better throughout."""
    last = result.records[-1]
    found: dict[str, float] = {}
    if "table" in last:
        found["test error, %"] = 100 - last["table"]["test"]
    if "best_accuracy" in last:
        found["error of the best trial, %"] = 100 - last["best_accuracy"]
    if "valid_loss" in last:
        found["loss at the end"] = last["valid_loss"]
    if "step_norm" in last.get("rule", {}):
        found["step at the end"] = last["rule"]["step_norm"]
    if "candidate_loss" in last.get("rule", {}):
        found["loss of candidates"] = last["rule"]["candidate_loss"]
    return {name: float(f"{value:.{DIGITS}g}") for name, value in found.items()}


def measure(part: Part, method: str, seeds: Sequence[int], dataset: data.ImageDataset | TableData) -> Figures:
    """The figures of one method, a run for each seed."""
    space = SPACES[part.space]
    settings = applicable(resolve(METHODS[method].composition, space).by_name(), part.settings)
    runs = [
        figures(METHODS[method](seed=seed, settings=settings).search(space, dataset, Budget(part.epochs)))
        for seed in seeds
    ]
    return {name: [run[name] for run in runs] for name in runs[0]}


def open_dataset(part: Part) -> data.ImageDataset | TableData:
    """Raises HarnessError where there is no table."""
    return open_data(part.dataset) if part.name.startswith("table") else data.load(part.dataset)


@dataclass(frozen=True)
class Verdict:
    """One test: a figure of a method, now and in the baseline."""

    part: str
    method: str
    figure: str
    now: float
    baseline: float
    """Medians."""
    p: float
    """One-sided, of Mann and Whitney; uncorrected."""
    regressed: bool

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


Measured = Mapping[tuple[str, str, str], list[float]]
"""By part, method and figure."""


def judge(now: Measured, baseline: Measured, false_alarms: float = FALSE_ALARMS) -> list[Verdict]:
    """A verdict on every figure of now, the smallest p first. Holm's step-down: the i-th smallest of n is a regression
    if it and all before it are below false_alarms / (n - i). Raises HarnessError where the baseline lacks one."""
    ranked = sorted((p_larger(values, _known(baseline, key)), key) for key, values in now.items())
    verdicts, rejecting = [], True
    for place, (p, key) in enumerate(ranked):
        rejecting = rejecting and p < false_alarms / (len(ranked) - place)
        verdicts.append(Verdict(*key, median(now[key]), median(baseline[key]), p, rejecting))
    return verdicts


def p_larger(now: Sequence[float], baseline: Sequence[float]) -> float:
    """The probability, if both were of one distribution, of `now` being larger by ranks to this degree (Mann-Whitney U;
    exact for small samples without ties, else normal with the variance that ties leave)."""
    from scipy.stats import mannwhitneyu

    if len({*now, *baseline}) == 1:
        return 1.0
    return float(mannwhitneyu(now, baseline, alternative="greater").pvalue)


def _known(baseline: Measured, key: tuple[str, str, str]) -> list[float]:
    if key not in baseline:
        raise HarnessError(f"the baseline has nothing on {', '.join(key)}; accept one with `harness regress --update`.")
    return baseline[key]


def check(
    parts: Sequence[Part],
    first_seed: int,
    seeds: Callable[[Part], int],
    report: Callable[[str], None] = lambda message: None,
) -> tuple[Measured, dict[str, str]]:
    """All figures of all methods of these parts, from `first_seed` on, and the fingerprint of each part's data."""
    measured: dict[tuple[str, str, str], list[float]] = {}
    fingerprints = {}
    for part in parts:
        dataset = open_dataset(part)
        fingerprints[part.name] = dataset.fingerprint
        for method in part.methods:
            began, count = time.perf_counter(), seeds(part)
            found = measure(part, method, range(first_seed, first_seed + count), dataset)
            measured |= {(part.name, method, figure): values for figure, values in found.items()}
            report(f"{part.name}: {method}, {count} seeds, {time.perf_counter() - began:.1f} s")
    return measured, fingerprints


def to_baseline(
    parts: Sequence[Part], measured: Measured, fingerprints: Mapping[str, str], command: str
) -> dict[str, Any]:
    """The content of a baseline file."""
    import torch

    return {
        "made": {"command": command, "harness": __version__, "torch": torch.__version__},
        "parts": {
            part.name: {
                **part.to_json(),
                "data": fingerprints[part.name],
                "seeds": [0, part.baseline_seeds - 1],
                "figures": {
                    method: {
                        figure: values for (p, m, figure), values in measured.items() if (p, m) == (part.name, method)
                    }
                    for method in part.methods
                },
            }
            for part in parts
        },
    }


def from_baseline(content: Mapping[str, Any], parts: Sequence[Part]) -> Measured:
    """The figures in a baseline file. Raises HarnessError where it was made otherwise."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for part in parts:
        stored = content["parts"].get(part.name, {})
        differing = [key for key, value in part.to_json().items() if stored.get(key) != value]
        if differing:
            raise HarnessError(
                f"the baseline's part {quoted(part.name)} was made with other {', '.join(differing)}; accept a new one "
                "with `harness regress --update`."
            )
        for method, figures_ in stored["figures"].items():
            found |= {(part.name, method, figure): values for figure, values in figures_.items()}
    return found


def to_markdown(verdicts: Sequence[Verdict], notes: Sequence[str], seconds: float) -> str:
    """A summary for a CI page: the regressions first."""
    worse = [verdict for verdict in verdicts if verdict.regressed]
    methods = dict.fromkeys(f"{verdict.method} ({verdict.part})" for verdict in worse)
    head = f"**{len(methods)} regressed: {', '.join(methods)}**" if worse else "No regression."
    rows = [
        f"| {'**worse**' if v.regressed else 'ok'} | {v.method} | {v.part} | {v.figure} "
        f"| {v.baseline:.4g} | {v.now:.4g} | {v.p:.2g} |"
        for v in verdicts
    ]
    method = (
        f"Medians over seeds. One-sided Mann-Whitney U tests, {len(verdicts)} of them, with Holm's correction: an "
        f"unchanged tree gets any alarm with probability {FALSE_ALARMS:.0%} at most. {seconds:.0f} s."
    )
    return "\n".join(
        [
            "## harness regress",
            "",
            head,
            "",
            *(f"> {note}\n" for note in notes),
            "| | method | part | figure (smaller is better) | baseline | now | p |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            method,
        ]
    )
