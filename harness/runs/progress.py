"""What a running search shows: a live display on a terminal, nothing elsewhere."""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

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
    """How many weight steps are left without and with an update of alpha."""
    schedule, per_epoch = search.parts.schedule, search.steps_per_epoch
    left = moving = 0
    for epoch in range(state.epoch, search.parts.training.epochs):
        first = state.step if epoch == state.epoch else 0
        left += per_epoch - first
        if search.moves_alpha(epoch, 0):
            moving += math.ceil(per_epoch / schedule.cadence) - math.ceil(first / schedule.cadence)
    return left - moving, moving


class Display:
    """A live table of one search. `update` after every step is cheap."""

    def __init__(self, search: Search, live: Live) -> None:
        self.search, self.live, self.pace = search, live, Pace()
        self._shown = 0.0

    def update(self, state: State, seconds: float) -> None:
        last = divmod(state.epoch * self.search.steps_per_epoch + state.step - 1, self.search.steps_per_epoch)
        self.pace.add(self.search.moves_alpha(*last), seconds)
        if time.monotonic() - self._shown > REFRESH:
            self._shown = time.monotonic()
            self.live.update(self._table(state), refresh=True)

    def _table(self, state: State) -> Table:
        search, cost = self.search, state.cost
        table = Table.grid(padding=(0, 2))
        total, correct, images = state.meters.tolist()
        training = f"loss {total / images:.3f}, accuracy {100 * correct / images:.1f} %" if images else "-"
        table.add_row(
            "epoch",
            f"{state.epoch + 1} of {search.parts.training.epochs}, step {state.step} of {search.steps_per_epoch}",
        )
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
        left = self.pace.left(*steps_left(search, state))
        table.add_row("time left", "known after the first update of alpha" if left is None else duration(left))
        return table


class Ticker:
    """A live line of a search without a supernet."""

    def __init__(self, search: AnySearch, live: Live) -> None:
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


def display(search: AnySearch, live: Live) -> Observer[Any]:
    """What shows the progress of this search."""
    from methods.search.search import Search

    return Display(search, live) if isinstance(search, Search) else Ticker(search, live)


def live_display(console: Console) -> AbstractContextManager[Live | None]:
    """A Live on a terminal, None elsewhere; FORCE_COLOR asks for colours, and makes rich take a file for a terminal."""
    shown = console.is_terminal and console.file.isatty()
    return Live(console=console, transient=True, auto_refresh=False) if shown else nullcontext()


def duration(seconds: float) -> str:
    """`47 s`, `12 min 05 s`, `3 h 20 min`."""
    whole = round(seconds)
    if whole < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 2 * 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
