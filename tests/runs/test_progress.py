"""What a running search shows, and that it shows nothing where nobody looks."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from processes import TINY, forked, harness, run_arguments
from rich.console import Console
from toy import ToyDataset, small_settings

from harness.core.types import Budget
from harness.runs.progress import Display, Pace, duration, live_display, steps_left
from methods import METHODS
from methods.schedules.alternating import Alternating
from methods.search.search import Search
from spaces import SPACES


def search_of(epochs, per_epoch, warmup, cadence, after=0):
    schedule = Alternating(warmup=warmup, cadence=cadence)
    moving = schedule.moves_alpha
    return SimpleNamespace(
        parts=SimpleNamespace(schedule=schedule, training=SimpleNamespace(epochs=epochs)),
        steps=lambda epoch: per_epoch + after,
        weight_steps=lambda epoch: per_epoch,
        moves_alpha=lambda epoch, step: step >= per_epoch or moving(schedule.stage(epoch, epochs).clock, step),
    )


@pytest.mark.parametrize("warmup", [0, 1, 3])
@pytest.mark.parametrize("cadence", [1, 2, 5, 10])
@pytest.mark.parametrize(("per_epoch", "after"), [(1, 0), (4, 0), (7, 3), (10, 0)])
def test_the_steps_left_are_those_that_the_schedule_will_take(per_epoch, after, cadence, warmup):
    epochs = 3
    search = search_of(epochs, per_epoch, warmup, cadence, after)
    steps = [(epoch, step) for epoch in range(epochs) for step in range(per_epoch + after)]
    for number, (epoch, step) in enumerate(steps):
        moving = sum(search.moves_alpha(*later) for later in steps[number:])
        state = SimpleNamespace(epoch=epoch, step=step)
        assert steps_left(search, state) == (len(steps) - number - moving, moving)
    assert steps_left(search, SimpleNamespace(epoch=epochs, step=0)) == (0, 0)


def test_the_time_left_is_counted_by_kind_of_step():
    pace = Pace()
    for moved, seconds in ((False, 1.0), (False, 3.0), (True, 10.0)):
        pace.add(moved, seconds)
    assert pace.left(5, 2) == 5 * 2.0 + 2 * 10.0
    assert pace.left(0, 0) == 0


def test_no_time_left_is_named_before_a_needed_kind_was_seen():
    pace = Pace()
    pace.add(False, 2.0)
    assert pace.left(3, 1) is None
    assert pace.left(3, 0) == 6.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (47.2, "47 s"),
        (119.4, "119 s"),
        (119.6, "2 min 00 s"),
        (725, "12 min 05 s"),
        (7199, "119 min 59 s"),
        (7200, "2 h 00 min"),
        (12000, "3 h 20 min"),
        (360000, "100 h 00 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_no_display_in_a_file_even_where_colours_are_forced(variable, monkeypatch):
    monkeypatch.setenv(variable, "1")
    with live_display(Console(file=io.StringIO())) as live:
        assert live is None


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_where_the_search_is(monkeypatch):
    monkeypatch.setattr("harness.runs.progress.REFRESH", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    settings = small_settings("zarts-mgs", "s1", warmup=1)
    parts = METHODS["zarts-mgs"].parts(SPACES["s1"], Budget(epochs=2), user=settings)
    search, terminal = Search(parts, SPACES["s1"], ToyDataset(), seed=0), Terminal()
    with live_display(Console(file=terminal, width=200)) as live:
        display = Display(search, live)
        state = search.start()
        for seconds in (60.0, 60.0, 60.0, 60.0, 100.0):  # warm-up, then an update
            state = search.advance(state)
            display.update(state, seconds)
    shown = terminal.getvalue()
    assert "1 of 2, step 1 of 4" in shown
    assert "known after the first update of alpha" in shown
    assert "2 of 2, step 1 of 4" in shown
    assert "3 min 40 s" in shown  # three steps are left, one of which moves alpha


def test_a_terminal_shows_the_candidates_of_a_search_after_training(monkeypatch):
    monkeypatch.setattr("harness.runs.progress.REFRESH", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    few = {"ranked": 4, "ranking_batch": 8, "recalibration_batches": 1, "recalibration_batch": 8}
    settings = small_settings("spos", "nasbench201", **few)
    parts = METHODS["spos"].parts(SPACES["nasbench201"], Budget(epochs=1), user=settings)
    search, terminal = Search(parts, SPACES["nasbench201"], ToyDataset(), seed=0), Terminal()
    with live_display(Console(file=terminal, width=200)) as live:
        display = Display(search, live)
        state = search.start()
        while not state.stopped_by:
            state = search.advance(state)
            display.update(state, 60.0 if state.scored else 1.0)
    shown = terminal.getvalue()
    assert "0 of 4" in shown
    assert "known after the first candidate" in shown
    assert "1 of 4" in shown
    assert "3 min 00 s" in shown
    assert "batch norm recalibrated" in shown


def test_a_run_that_is_no_terminal_prints_no_display(tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    ended = forked(harness(run_arguments(tmp_path, *TINY)))
    assert ended.code == 0
    (line,) = ended.err.splitlines()  # of its one epoch, in plain text
    assert "\x1b" not in line
    assert "epoch 1 of 1" in line
    assert "\x1b" not in ended.out
    assert "time left" not in ended.out
