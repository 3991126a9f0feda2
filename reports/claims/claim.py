"""A claim, how it is put to the test, and the verdict.

A claim is turned into one number for each seed, which speaks for it where it is positive. It is supported where
Student's 95 % interval of the mean lies above zero, contradicted where it lies below, and otherwise not decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from reports.records import Records
from reports.statistics.inference import Interval, interval_of_mean

SUPPORTED, CONTRADICTED, UNDECIDED, UNMEASURED = "supported", "contradicted", "not decided", "not measured"


class Mixed(ValueError):
    """The runs of a method differ in more than their seed, so that they are no sample of one thing."""


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper."""

    says: str
    source: str
    """Where it is said."""
    suite: str
    """Whose runs can tell."""
    effect: Callable[[Records], Mapping[int, float]]
    """By seed, positive where it speaks for the claim; empty without the runs. Raises Mixed."""
    measured_as: str
    """The effect in words, with its unit."""
    caveat: str
    """In what the test is less, or another, than what was claimed."""


@dataclass(frozen=True)
class Finding:
    """What runs say of a claim."""

    verdict: str
    n: int = 0
    mean: float | None = None
    interval: Interval | None = None
    hinges_on: tuple[int, ...] = ()
    """The seeds without any one of which the verdict would be another."""
    reason: str = ""
    """Why there is no verdict, where it is not for want of runs."""


def judge(claim: Claim, records: Records) -> Finding:
    """What these runs say of it."""
    try:
        effect = claim.effect(records)
    except Mixed as error:
        return Finding(UNDECIDED, reason=str(error))
    if not effect:
        return Finding(UNMEASURED)
    verdict = verdict_on(effect)
    without = {seed: {other: value for other, value in effect.items() if other != seed} for seed in effect}
    hinges = tuple(sorted(seed for seed, rest in without.items() if verdict_on(rest) != verdict))
    values = list(effect.values())
    return Finding(verdict, len(values), float(np.mean(values)), interval_of_mean(values), hinges)


def verdict_on(effect: Mapping[int, float]) -> str:
    """By the interval of the mean."""
    interval = interval_of_mean(list(effect.values()))
    if interval is None or interval.low <= 0 <= interval.high:
        return UNDECIDED
    return SUPPORTED if interval.low > 0 else CONTRADICTED
