"""The one exception a user is meant to read, and how a sentence quotes what a user gave."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

SHOWN = 20
"""Names in a message, at most."""
LISTED = 150
"""Characters of those names, at most."""
LONGEST_QUOTE, LONGEST_MESSAGE = 60, 300
"""Characters of a value that a sentence quotes, and of a sentence that quotes one."""


class HarnessError(Exception):
    """Says in one or two sentences what was wrong, with which value, and what to do about it."""


class Interrupted(Exception):
    """The search was asked to stop; its state has been saved."""


def unknown(kind: str, name: str, known: Iterable[str]) -> HarnessError:
    """The error for a name that is not in a registry, with the nearest name that is: one that differs in case and
    separators alone, or in a few letters."""
    names = list(known)
    near = _nearest(str(name), names)
    hint = f"did you mean {near!r}?" if near else f"known: {listed(names)}."
    return HarnessError(f"unknown {kind} {quoted(name)}; {hint}")


def quoted(value: Any) -> str:
    """A value as a sentence quotes it: in Python's notation, which makes control characters visible, and short."""
    if isinstance(value, str):
        return _elided(repr(_ends(value)))
    try:
        return _elided(repr(value))
    except (RecursionError, ValueError):  # nested without end; an integer of thousands of digits
        return f"a huge {type(value).__name__}"


def visible(text: str, longest: int = LONGEST_QUOTE) -> str:
    """A text without quotes, on one line, its control characters escaped, the middle left out where it is long."""
    shown = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in _ends(text, longest))
    return _elided(shown, longest)


def listed(names: list[str]) -> str:
    """As many of them as a message has room for, and how many more there are."""
    shown = names[:SHOWN]
    while len(shown) > 1 and len(", ".join(shown)) > LISTED:
        shown.pop()
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def _ends(text: str, longest: int = LONGEST_QUOTE) -> str:
    """Enough of a text to show its ends: a huge one is not gone through."""
    return text if len(text) <= 4 * longest else text[: 2 * longest] + text[-2 * longest :]


def _elided(text: str, longest: int = LONGEST_QUOTE) -> str:
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 3]}...{text[-tail:]}"


def _nearest(name: str, names: list[str]) -> str | None:
    plain = {_plain(known): known for known in reversed(names)}
    if _plain(name) in plain:
        return plain[_plain(name)]
    for given, those in ((name, {known: known for known in names}), (_plain(name), plain)):
        if near := difflib.get_close_matches(given[: 2 * LONGEST_QUOTE], list(those), n=1, cutoff=0.6):
            return those[near[0]]
    return None


def _plain(name: str) -> str:
    """Without case and separators: S1 and s1, zarts_mgs and ZARTS-MGS are alike."""
    return re.sub(r"[\s\-_./]", "", name).lower()
