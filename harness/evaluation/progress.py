"""What a running training shows on a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.table import Table

from harness.runs.progress import REFRESH, Screen, duration

if TYPE_CHECKING:
    from harness.evaluation.training import State as TrainingState
    from harness.evaluation.training import Trainer


class TrainingDisplay:
    """The same of the training of one cell."""

    def __init__(self, trainer: Trainer, live: Screen) -> None:
        self.trainer, self.live = trainer, live
        self._shown, self._seconds, self._steps = 0.0, 0.0, 0

    def update(self, state: TrainingState, seconds: float) -> None:
        self._seconds, self._steps = self._seconds + seconds, self._steps + 1
        if time.monotonic() - self._shown > REFRESH:
            self._shown = time.monotonic()
            self.live.update(self._table(state), refresh=True)

    def _table(self, state: TrainingState) -> Table:
        epochs, per_epoch = self.trainer.parts.training.epochs, self.trainer.steps_per_epoch
        table = Table.grid(padding=(0, 2))
        loss, correct, images = state.meters.tolist()
        table.add_row("epoch", f"{min(state.epoch + 1, epochs)} of {epochs}, step {state.step} of {per_epoch}")
        table.add_row(
            "training", f"loss {loss / images:.3f}, error {100 - 100 * correct / images:.2f} %" if images else "-"
        )
        if state.records:
            errors = [record["test_error"] for record in state.records]
            table.add_row("test", f"error {errors[-1]:.2f} % in the last epoch, {min(errors):.2f} % in the best")
        table.add_row("cost", f"{duration(state.cost.seconds)} of training, {state.cost.steps:,} steps")
        left = epochs * per_epoch - state.cost.steps
        table.add_row("time left", duration(left * self._seconds / self._steps))
        return table
