"""The supernet of a run as its last checkpoint left it, and losses on it as functions of alpha."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from harness import data
from harness.core.errors import HarnessError, quoted, unknown
from harness.core.files import read_shaped
from harness.core.rng import generator
from harness.core.shapes import SPEC
from harness.core.types import Budget, Cost
from harness.runs.folder import RunFolder
from harness.runs.images import open_images
from harness.runs.machine import deterministic, resolve_device
from methods import METHODS
from methods.lookaheads.lookahead import UpdateContext
from methods.search.alpha_step import Streams, update_context
from methods.search.measuring import validate
from methods.search.parts import Parts
from methods.search.search import Search
from methods.training.batches import Batch, Batches
from methods.training.weights import FlatModel
from spaces import SPACES


class ReopenedRun:
    """A run, reopened. Nothing here changes it: candidates live on the search's scratch copy."""

    def __init__(
        self,
        folder: Path,
        device: str = "auto",
        data_root: Path | None = None,
        dataset: str | None = None,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        """`dataset` names the data where the run's were given by path. Raises HarnessError for what is no run folder
        with a checkpoint, and for other data than the run's."""
        self.check(folder)
        saved = read_shaped(folder / "spec.json", SPEC)
        self.folder, self.spec = folder, saved["spec"]
        if self.spec["space"] not in SPACES:
            raise HarnessError(f"{folder / 'spec.json'}: {unknown('space', self.spec['space'], SPACES)}")
        given = dataset or self.spec["dataset"]
        by_path = given not in data.DATASETS or self.spec.get("dataset_files") is not None
        if dataset is None and by_path:
            raise HarnessError(f"this run's data, {quoted(given)}, were given by path; name them with --dataset.")
        self.device = resolve_device(device)
        deterministic()
        loaded = RunFolder(folder, warn).load()
        if loaded is None:
            raise _without_checkpoint(folder)
        self.parts = self.parts_of(self.spec["method"])
        found = open_images(self.parts.data, given, data_root)
        if found.fingerprint != (saved["environments"] or [{}])[-1].get("data"):
            raise HarnessError(f"{given} holds other images than {folder} was made from.")
        space, self.epochs = SPACES[self.spec["space"]], self.parts.training.epochs
        budget = Budget(epochs=self.spec["budget"]["epochs"])
        self.search = Search(self.parts, space, found, self.spec["seed"], self.device, budget)
        self.state = self.search.restore(loaded)
        self.supernets, self.alpha = self.search.supernets, self.state.alpha
        self.supernets.bind(self.state)
        self.clock = self.parts.clock(min(self.state.epoch, self.epochs - 1))
        self.lr = self.parts.lr_at(self.clock)
        self.supernets.adjust(self.state.stage, self.clock)

    @staticmethod
    def check(folder: Path) -> None:
        """Raises HarnessError for what is no run folder."""
        if not (folder / "spec.json").exists():
            raise HarnessError(f"{folder} is no run folder: it has no spec.json.")

    def parts_of(self, method: str) -> Parts:
        """The parts of a method under this run's budget: its own with all its settings; of another what is trained on
        what is the run's, and how alpha moves the method's. Raises HarnessError for one without a supernet."""
        settings = self.spec["settings"]
        chosen = settings if method == self.spec["method"] else ("training", "data", "arithmetic", "macro", "schedule")
        layers = [settings[part] for part in chosen if part in settings]
        budget = Budget(epochs=self.spec["budget"]["epochs"])
        parts = METHODS[method].parts(SPACES[self.spec["space"]], budget, layers)
        if not isinstance(parts, Parts):
            raise HarnessError(f"{method} on {self.spec['space']} trains no supernet; there is nothing to analyse.")
        return parts

    def gates(self, alpha: Tensor, name: str) -> Tensor:
        """What the run's relaxation draws is equal for equal names: all points see the same noise."""
        return self.supernets.gates(alpha, self.clock, self._draw(name), self.state.relaxed)

    def _draw(self, name: str) -> torch.Generator:
        return generator(self.search.seed, f"analysis/gates/{name}")

    def batches(self, stream: str, size: int) -> Batches:
        """Batches of the half that trains the weights, in streams of their own."""
        return Batches(self.search.images.train, self.search.seed, f"analysis/{stream}", size)

    def valid_batch(self, number: int) -> Batch:
        size = self.parts.data.valid_batch
        return Batches(self.search.images.valid, self.search.seed, "analysis/valid", size).at(number)

    def context(self, update: int) -> UpdateContext:
        """What one update of alpha may look at, here, in train mode."""
        train, schedule = self.batches("train", self.parts.training.batch).at(update), self.parts.schedule

        def valid(number: int) -> Batch:
            return schedule.batch_of_alpha(train, lambda: self.valid_batch(number))

        streams = Streams(gates=self._draw, noise=self.noise, batches=self.batches, valid=valid)
        return update_context(
            self.parts,
            self.supernets,
            self.state,
            self.clock,
            streams,
            train,
            update,
            Cost(),
            self.search.priced,
        )

    def noise(self, name: str) -> torch.Generator:
        return generator(self.search.seed, f"analysis/noise/{name}", device=self.device)

    def fine_tuned(self, alpha: Tensor, steps: int, lr: float) -> FlatModel:
        """The scratch copy after so many SGD steps on the training half with this alpha, from the run's weights and
        momentum. The batches are the same for every alpha; 0 steps are the weights as they are."""
        context = replace(self.context(0), lr=lr)
        scratch, momentum = context.on_scratch(), context.momentum.clone()
        stream = self.batches("finetune", self.parts.training.batch)
        for step in range(steps):
            gradient = context.weight_gradient(scratch, alpha, stream.at(step), f"finetune-{step}")
            context.training.step(scratch.weights, momentum, gradient, lr)
        return scratch

    def unrolled(self, alpha: Tensor, lr: float) -> FlatModel:
        """The scratch copy after one plain step w - lr dL_train/dw (supplement, Eq. 1)."""
        context = self.context(0)
        scratch = context.on_scratch()
        batch = self.batches("finetune", self.parts.training.batch).at(0)
        gradient = context.weight_gradient(scratch, alpha, batch, "finetune-0")
        scratch.weights.sub_(gradient, alpha=lr)
        return scratch

    def loss(self, model: FlatModel, alpha: Tensor) -> float:
        """Mean loss over all of alpha's images, eval mode, without augmentation."""
        return validate(model, self.search.images.valid, partial(self.gates, alpha), self.noise)[0]


def _without_checkpoint(folder: Path) -> HarnessError:
    """A study that is packed leaves them out."""
    if (folder / "result.json").exists():
        return HarnessError(
            f"{folder} is done and has no checkpoint, as these stay where a run was made; run its search again with "
            "another --results folder, and analyse that."
        )
    return HarnessError(f"{folder} has no checkpoint; let its search finish an epoch first.")
