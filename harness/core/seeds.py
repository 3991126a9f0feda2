"""Several seeds in a few characters."""

from __future__ import annotations

import re

from harness.core.errors import HarnessError, quoted
from harness.core.rng import MOST_SEED

MOST_SEEDS = 100_000
"""In one range."""


def seed_list(what: str, text: str) -> list[int]:
    """The seeds of `7`, `0-499` or `0,3,7-9`, once each. Raises HarnessError, which says what the text was for."""
    return list(dict.fromkeys(seed for item in text.split(",") for seed in _seed_range(what, item)))


def _seed_range(what: str, text: str) -> range:
    found = re.fullmatch(r"(\d{1,30})(?:-(\d{1,30}))?", text.strip())
    if not found or max(map(int, filter(None, found.groups()))) > MOST_SEED:
        raise HarnessError(
            f"{what} {quoted(text)} is not in the range: give a number from 0 to {MOST_SEED}, two such as 0-499, or "
            "several such as 0,3,7-9."
        )
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise HarnessError(f"{what} {quoted(text)} is empty; the first number is the smaller one.")
    if last - first >= MOST_SEEDS:
        raise HarnessError(f"{what} {quoted(text)} is more than the {MOST_SEEDS:,} seeds of one range; give fewer.")
    return range(first, last + 1)
