"""Weights & Biases: online where there is a key, else files in the run's folder, which `wandb sync --append` sends.

Its own variables decide what is left open here: WANDB_MODE, WANDB_PROJECT, WANDB_ENTITY and others.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.trackers.tracker import Tracker

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # else it reports crashes to its makers
os.environ.setdefault("WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL", "0.1")  # seconds; else a kill loses up to 15
import wandb

LONGEST = 64
"""Characters of a run's id."""


class WeightsAndBiases(Tracker):
    """A run whose id is its name, so that whoever continues it finds it."""

    def begin(self, name: str, settings: Mapping[str, str | int | float | bool], first: int) -> None:
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "harness"),
            id=run_id(name),
            name=name,
            dir=str(self.folder),
            config=dict(settings),
            resume="allow",
            mode=_mode(),
            settings=wandb.Settings(console="off", silent=True),
        )

    def figure(self, step: int, path: Path) -> None:
        self._run.log({"cell": wandb.Image(str(path))}, step=step, commit=False)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step, commit=True)

    def end(self) -> None:
        self._run.finish()


def run_id(name: str) -> str:
    """The name, as W&B allows it: without the characters that it reserves, and short."""
    allowed = re.sub(r"[^\w.-]", "-", name)
    if len(allowed) <= LONGEST and allowed == name:
        return allowed
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{allowed[: LONGEST - 13]}-{digest}"


def _mode() -> Any:
    """None leaves it to WANDB_MODE. Without a key W&B would ask for one, and a search would wait for an answer."""
    if os.environ.get("WANDB_MODE"):
        return None
    return "online" if wandb.login(prompt=False, verify=False) else "offline"
