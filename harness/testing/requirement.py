"""How a check says that something does not hold."""

from __future__ import annotations

from collections.abc import Callable

from harness.core.errors import HarnessError


class Broken(AssertionError):
    """Says in a sentence what a member owes its users and does not do."""


def require(holds: bool, otherwise: str) -> None:
    """Raises Broken with the sentence where something does not hold."""
    if not holds:
        raise Broken(f"{otherwise}.")


def require_refusal(what: str, call: Callable[[], object], *words: str) -> None:
    """Raises Broken unless the call raises a HarnessError that says these words."""
    try:
        call()
    except HarnessError as error:
        require(all(word in str(error) for word in words), f"the error for {what} says: {error}")
    else:
        raise Broken(f"{what} is accepted, and must be refused with a HarnessError.")
