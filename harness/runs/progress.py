"""What a running search shows: a live display on a terminal and in a notebook, lines elsewhere.

    with shown() as observe:
        runner.run(plan, observe=observe)

is what the command line does, and what a notebook does with the runs that it makes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table

from harness.runs.logs import on_stderr
from harness.runs.notebook import Notebook

if TYPE_CHECKING:
    from harness.runs.loop import Observer
    from methods.families import AnySearch, AnyState
    from methods.search.search import Search
    from methods.search.state import State

REFRESH = 0.5
"""Seconds between two looks at the state; a look waits for the device."""


@dataclass
class Pace:
    """How long a step takes, with and without an update of alpha: what the time left is estimated from."""

    seconds: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})
    steps: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

    def add(self, moved_alpha: bool, seconds: float) -> None:
        self.seconds[moved_alpha] += seconds
        self.steps[moved_alpha] += 1

    def left(self, plain: int, moving: int) -> float | None:
        """Seconds for so many steps without and with an update; None while a needed kind has not been seen."""
        total = 0.0
        for moves, count in ((False, plain), (True, moving)):
            if count and not self.steps[moves]:
                return None
            total += count * self.seconds[moves] / max(1, self.steps[moves])
        return total


def steps_left(search: Search, state: State) -> tuple[int, int]:
    """How many steps are left without and with an update of alpha."""
    schedule = search.parts.schedule
    left = moving = 0
    for epoch in range(state.epoch, search.parts.training.epochs):
        first, per_epoch = (state.step if epoch == state.epoch else 0), search.steps(epoch)
        of_weights = search.weight_steps(epoch)
        left += per_epoch - first
        moving += per_epoch - max(first, of_weights)
        if search.moves_alpha(epoch, 0):
            moving += math.ceil(of_weights / schedule.cadence) - math.ceil(min(first, of_weights) / schedule.cadence)
    return left - moving, moving


class Clock(Protocol):
    """Estimates how long a process will still take."""

    def add(self, state: Any, seconds: float) -> None:
        """After a step that took so many seconds."""
        ...

    def left(self, state: Any) -> float | None:
        """Seconds; None while they cannot be known."""
        ...


class StepClock:
    """Of a search on a supernet, by the kinds of its steps."""

    def __init__(self, search: Search) -> None:
        self.search, self.pace, self.scoring = search, Pace(), Pace()

    def add(self, state: State, seconds: float) -> None:
        if state.scored:
            self.scoring.add(False, seconds)
            return
        epoch, step = (state.epoch, state.step - 1) if state.step else (state.epoch - 1, -1)
        step = step if step >= 0 else self.search.steps(epoch) - 1
        self.pace.add(self.search.moves_alpha(epoch, step), seconds)

    def left(self, state: State) -> float | None:
        """Of a search that goes on after training, until the end of that, and then of what comes after."""
        if self.search.selecting and state.selection:
            return self.scoring.left(self.search.selecting.ranking.ranked - state.scored, 0)
        return self.pace.left(*steps_left(self.search, state))


class EpochClock:
    """Of anything with epochs that are alike, by those that ended since `done` were."""

    def __init__(self, epochs: int, done: int) -> None:
        self.epochs, self.done = epochs, done
        self.seconds = 0.0

    def add(self, state: Any, seconds: float) -> None:
        self.seconds += seconds

    def left(self, state: Any) -> float | None:
        ended = state.epoch - self.done
        return (self.epochs - state.epoch) * self.seconds / ended if ended else None


def clock(search: AnySearch, state: AnyState) -> Clock:
    """What fits this search, which goes on from this state."""
    from methods.search.search import Search

    return StepClock(search) if isinstance(search, Search) else EpochClock(search.epochs, state.epoch)


class Screen(Protocol):
    """Where the newest table is shown in place of the one before: rich's Live, or a notebook."""

    def update(self, renderable: RenderableType, *, refresh: bool = False) -> None: ...


class Display:
    """A live table of one search. `update` after every step is cheap."""

    def __init__(self, search: Search, live: Screen) -> None:
        self.search, self.live, self.clock = search, live, StepClock(search)
        self._shown = 0.0

    def update(self, state: State, seconds: float) -> None:
        self.clock.add(state, seconds)
        if time.monotonic() - self._shown > REFRESH:
            self._shown = time.monotonic()
            self.live.update(self._table(state), refresh=True)

    def _table(self, state: State) -> Table:
        search, cost = self.search, state.cost
        table = Table.grid(padding=(0, 2))
        total, correct, images = state.meters.tolist()
        if search.selecting and state.selection:
            table.add_row("candidates", f"{state.scored:,} of {search.selecting.ranking.ranked:,}")
            if state.scored:
                best = search.selecting.shown(state)
                table.add_row("best", f"{best['best_score']:.2f}, number {best['best_number'] + 1:,}")
                table.add_row("score", best["by"])
        training = f"loss {total / images:.3f}, accuracy {100 * correct / images:.1f} %" if images else "-"
        if not state.selection:
            steps = f"step {state.step} of {search.steps(state.epoch)}"
            table.add_row("epoch", f"{state.epoch + 1} of {search.parts.training.epochs}, {steps}")
        table.add_row("training", training)
        if state.records:
            last = state.records[-1]
            loss = "not finite" if last["valid_loss"] is None else f"{last['valid_loss']:.3f}"
            table.add_row("validation", f"loss {loss}, accuracy {100 * last['valid_accuracy']:.1f} %")
        for kind, cell in search.genotype(state).cells:
            table.add_row(f"{kind} cell", "  ".join(operation for operation, _ in cell.edges))
        table.add_row(
            "cost",
            f"{duration(cost.seconds)}, {cost.weight_steps:,} weight steps, {cost.alpha_steps:,} alpha updates, "
            f"{cost.forwards:,} forward and {cost.backwards:,} backward passes",
        )
        left = self.clock.left(state)
        unknown = f"known after the first {'candidate' if state.selection else 'update of alpha'}"
        table.add_row("time left", unknown if left is None else duration(left))
        return table


class Ticker:
    """A live line of a search without a supernet."""

    def __init__(self, search: AnySearch, live: Screen) -> None:
        self.search, self.live = search, live
        self._shown = 0.0

    def update(self, state: AnyState, seconds: float) -> None:
        if time.monotonic() - self._shown > REFRESH:
            self._shown = time.monotonic()
            self.live.update(self._table(state), refresh=True)

    def _table(self, state: AnyState) -> Table:
        table, cost = Table.grid(padding=(0, 2)), state.cost
        table.add_row("seed", str(self.search.seed))
        table.add_row("epoch", f"{state.epoch + 1} of at most {self.search.epochs}")
        if state.records:
            last = state.records[-1]
            table.add_row("cell", last["genotype"])
            for name in ("valid_loss", "trial_accuracy", "best_accuracy"):
                if name in last:
                    table.add_row(name.replace("_", " "), f"{last[name]:.4f}")
        table.add_row("cost", f"{duration(cost.seconds)}, {cost.steps:,} steps")
        return table


def display(search: AnySearch, live: Screen) -> Observer[Any]:
    """What shows the progress of this search."""
    from methods.search.search import Search

    return Display(search, live) if isinstance(search, Search) else Ticker(search, live)


def live_display(console: Console) -> AbstractContextManager[Screen | None]:
    """A live display on a terminal and in a notebook, None elsewhere; FORCE_COLOR asks for colours, and makes rich take
    a file for a terminal."""
    if console.is_jupyter:
        return Notebook()
    on_terminal = console.is_terminal and console.file.isatty()
    return Live(console=console, transient=True, auto_refresh=False) if on_terminal else nullcontext()


@contextmanager
def shown(
    made: Callable[[Any, Screen], Observer[Any]] = display, quiet: bool = False
) -> Iterator[Callable[[Any], Observer[Any]] | None]:
    """What to observe searches with, or trainings, so that a person sees how far they are: the display `made` of each
    where there is a terminal or a notebook; None elsewhere, where the lines of every epoch go to standard error. If
    `quiet`, None, and nothing is shown."""
    if quiet:
        yield None
        return
    with live_display(Console(stderr=True)) as live:
        if live is not None:
            yield lambda process: made(process, live)
            return
        with on_stderr():
            yield None


def duration(seconds: float) -> str:
    """`47 s`, `12 min 05 s`, `3 h 20 min`."""
    whole = round(seconds)
    if whole < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 2 * 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
