"""What searches cost, as a reader would say it."""

from __future__ import annotations

import pandas as pd

UNITS = ((86400.0, 2.0, "days"), (3600.0, 2.0, "h"), (60.0, 2.0, "min"), (1.0, 0.1, "s"), (1e-3, 1.0, "ms"))
"""Seconds of a unit, from how many of it on it is used, and what it is called; the largest first."""


def spoken(seconds: float) -> str:
    """ "3.2 s", "12 min", "4.5 h", "11 days": two digits, in the unit in which they are neither many nor few."""
    if seconds == 0:
        return "0 s"
    for length, least, name in UNITS:
        if seconds >= least * length:
            return f"{_short(seconds / length)} {name}"
    return "under 1 ms"


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def unit(seconds: pd.Series) -> tuple[float, str]:
    """The unit in which an axis shows these: its length in seconds, and its name."""
    longest = float(seconds.max())
    return next(((length, name) for length, least, name in UNITS if longest >= least * length), (1.0, "s"))


def cost(runs: pd.DataFrame) -> str:
    """The median cost of runs with `seconds` and `device`, by device: "12 min, CPU". One search on a machine that was
    busy would decide a mean."""
    of_devices = runs.groupby("device").seconds.median()
    return "; ".join(f"{spoken(seconds)}, {device}" for device, seconds in of_devices.items())
