"""TensorBoard: event files in the run's folder, which `tensorboard --logdir results` shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from harness.trackers.tracker import Tracker


class TensorBoard(Tracker):
    """Scalars, the cell as an image, and the settings for the HParams page."""

    def begin(self, name: str, settings: Mapping[str, str | int | float | bool], first: int) -> None:
        # What a killed process wrote from the first step on is struck out; it comes again.
        self._writer = SummaryWriter(str(self.folder / "tensorboard"), purge_step=first)
        if not first:
            for summary in hparams(dict(settings), {}):
                self._writer._get_file_writer().add_summary(summary)

    def figure(self, step: int, path: Path) -> None:
        with Image.open(path) as image:
            self._writer.add_image("cell", np.asarray(image.convert("RGB")), step, dataformats="HWC")

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def end(self) -> None:
        self._writer.close()
