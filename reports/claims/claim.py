"""A claim, how it is put to the test, and the verdict.

A claim is turned into one number for each seed, and says where the mean of these lies. It is supported where Student's
95 % interval of the mean lies within, contradicted where it lies outside, and otherwise not decided.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from reports.records import Records
from reports.statistics.inference import Interval, interval_of_mean

SUPPORTED, CONTRADICTED, UNDECIDED, UNMEASURED = "supported", "contradicted", "not decided", "not measured"


class Mixed(ValueError):
    """The runs of a method differ in more than their seed, so that they are no sample of one thing."""


@dataclass(frozen=True)
class Within:
    """Where a mean lies, if a claim is true."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"above {self.low:g}"
        return f"below {self.high:g}" if math.isinf(self.low) else f"{self.low:g} to {self.high:g}"


POSITIVE = Within(low=0.0)


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper."""

    says: str
    source: str
    """Where it is said."""
    suite: str
    """Whose runs can tell, with those of `besides`."""
    quantity: Callable[[Records], Mapping[int, float]]
    """By seed; empty without the runs. Raises Mixed."""
    measured_as: str
    """The quantity in words, with its unit."""
    caveat: str
    """In what the test is less, or another, than what was claimed."""
    true_if: Within = POSITIVE
    besides: str = ""
    """Another suite, of which some of the runs are."""
    analysis: str = ""
    """What `harness analyse` must have made of the runs, too."""


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
        measured = claim.quantity(records)
    except Mixed as error:
        return Finding(UNDECIDED, reason=str(error))
    if not measured:
        return Finding(UNMEASURED)
    verdict = verdict_on(measured, claim.true_if)
    without = {seed: {other: value for other, value in measured.items() if other != seed} for seed in measured}
    hinges = tuple(sorted(seed for seed, rest in without.items() if verdict_on(rest, claim.true_if) != verdict))
    values = list(measured.values())
    return Finding(verdict, len(values), float(np.mean(values)), interval_of_mean(values), hinges)


def verdict_on(measured: Mapping[int, float], true_if: Within) -> str:
    """By the interval of the mean."""
    interval = interval_of_mean(list(measured.values()))
    if interval is None:
        return UNDECIDED
    if true_if.low < interval.low and interval.high < true_if.high:
        return SUPPORTED
    return CONTRADICTED if interval.high < true_if.low or true_if.high < interval.low else UNDECIDED
