"""The one exception a user is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN = 20
"""Names in a message, at most."""


class HarnessError(Exception):
    """Says in one or two sentences what was wrong, with which value, and what to do about it."""


class Interrupted(Exception):
    """The search was asked to stop; its state has been saved."""


def unknown(kind: str, name: str, known: Iterable[str]) -> HarnessError:
    """The error for a name that is not in a registry, with the nearest name that is."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names[:SHOWN])}{more}."
    return HarnessError(f"unknown {kind} {name!r}; {hint}")
