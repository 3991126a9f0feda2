"""Signals, as what runs and what it is made of hears them."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from harness.core.errors import Interrupted
from harness.runs.loop import stop_signals, stopped_at_once


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_at_once_what_has_nothing_to_save(number: signal.Signals) -> None:
    with stop_signals() as stopped:
        with pytest.raises(Interrupted), stopped_at_once():
            signal.raise_signal(number)
        assert stopped == [number]
        signal.raise_signal(number)
        assert stopped == [number, number]


def test_what_has_nothing_to_save_does_not_begin_after_a_signal() -> None:
    with stop_signals():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted), stopped_at_once():
            raise AssertionError("it began")


@pytest.fixture
def in_front() -> Iterator[None]:
    """SIGINT as Python has it where it is not begun in the background, whose processes ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("in_front")
def test_outside_of_what_notes_signals_they_are_as_ever() -> None:
    with pytest.raises(KeyboardInterrupt), stopped_at_once():
        signal.raise_signal(signal.SIGINT)
