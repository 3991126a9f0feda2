"""Evaluators: how accurate a genotype is, by the table or by a short training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.core.errors import HarnessError, quoted
from harness.core.rng import generator, seed_of
from harness.core.settings import setting
from harness.core.types import Cost, Dataset
from methods.blackbox.proxies import PROXIES, score
from methods.strategies.strategy import Code
from methods.tabular.data import TableData
from methods.tabular.looks import Asked, looks
from methods.training.batches import Batches
from methods.training.data import Data
from methods.training.weights import FlatModel, Training
from spaces import Space

VALIDATION_BATCH = 250
"""Images per batch of a validation in eval mode, which does not enter the result."""


class Trial(NamedTuple):
    """A genotype, the epochs it is to be trained for (0: the evaluator's own), and its number, from 0."""

    code: Code
    epochs: float
    number: int


class Evaluation(NamedTuple):
    """What came of a trial: accuracy on the validation images in percent, or a proxy's score in its place, and the
    seconds charged by a table."""

    accuracy: float
    seconds: float


Progress = dict[str, Tensor]
"""Where the training of a trial is: all of it."""


class Evaluator(Protocol):
    @property
    def measure(self) -> str:
        """What an evaluation's accuracy is, for records: "accuracy", or "score" where it is a proxy's."""
        ...

    def begin(self, trial: Trial) -> Progress: ...

    def step(self, trial: Trial, progress: Progress, cost: Cost) -> Evaluation | None:
        """One epoch of training, in place on `progress`; the evaluation when it was the last."""
        ...


@dataclass(frozen=True)
class TableLookup(Asked):
    """The table's validation accuracy, charged with what it took by the table. There are no learning curves in one: a
    rung of Hyperband reads and pays this training whatever its epochs, as in NAS-Bench-201's own BOHB.py."""

    epochs: int = setting(1000, "trials; choice: more than the seconds pay for", minimum=1)
    table_epochs: str = setting(
        "12",
        "NAS-Bench-201, section 4; AutoDL-Projects R_EA.py:44-57; one that the table has, its shortest unless told",
    )
    simulated_seconds: float = setting(12_000.0, "NAS-Bench-201, section 4; a trial beyond it is dropped", minimum=1)


class TableEvaluator:
    """With the oracle `proxy` no look is charged: shared weights are trained once for all."""

    measure = "accuracy"

    def __init__(self, lookup: TableLookup, data: TableData, space: Space, seed: int) -> None:
        epochs = int(lookup.table_epochs)
        self.looks, self.seed = looks(lookup, epochs, data, space, seed), seed
        seconds = data.seconds(epochs).values
        self.seconds = np.zeros_like(seconds) if lookup.oracle == "proxy" else seconds

    def begin(self, trial: Trial) -> Progress:
        return {}

    def step(self, trial: Trial, progress: Progress, cost: Cost) -> Evaluation:
        luck = torch.rand(1, generator=generator(self.seed, "looks", trial.number), dtype=torch.float64)
        told = self.looks.at(self.looks.places(torch.tensor([trial.code])), luck)
        return Evaluation(float(told), float(self.seconds[trial.code]))


@dataclass(frozen=True)
class ShortTraining(Training):
    """The final network of a genotype, small, trained for a few epochs on the weights' half and scored on the other.
    What is not said otherwise is as for a supernet's weights; DARTS train.py has the same values."""

    epochs: int = setting(24, "trials; as many as DARTS' random baseline has", minimum=1)
    trial_epochs: int = setting(25, "AmoebaNet: children train for 25 epochs", minimum=1)
    channels: int = setting(16, "choice: as the supernet", minimum=2)
    cells: int = setting(8, "choice: as the supernet; per stage on NAS-Bench-201", minimum=1)
    lr: float = setting(0.025, "DARTS train.py; cosine to lr_min over the trial", minimum=0)
    lr_min: float = setting(0.0, "DARTS train.py; what the cosine ends at", minimum=0, omit_default=True)
    proxy: str = setting(
        "off",
        "off: trials are trained; else a score of the untrained network on one batch, Abdelfattah et al. (ICLR 2021)",
        choices=("off", *PROXIES),
        omit_default=True,
    )

    def training(self, epochs: int) -> Training:
        """Of one trial of so many epochs."""
        return replace(self, epochs=epochs)


class ShortTrainingEvaluator:
    """Every trial has its own initial weights, and all see the same batches. Raises HarnessError where the data do not
    fit."""

    measure = "accuracy"

    def __init__(
        self, settings: ShortTraining, data: Data, space: Space, dataset: Dataset, seed: int, device: str
    ) -> None:
        self.settings, self.space, self.seed, self.device = settings, space, seed, device
        self.classes = dataset.classes
        train, self.valid = dataset.to(device).halves(data.portion, data.images, data.normalisation, data.split_file)
        if len(train) < 2 or not len(self.valid):
            raise HarnessError(
                f"{quoted(dataset.name)} gives {len(train)} images to training and {len(self.valid)} to validation; "
                "2 and 1 are the least."
            )
        self.batches = Batches(train, seed, "trial", settings.batch)

    def begin(self, trial: Trial) -> Progress:
        model = self._model(trial)
        return {
            "weights": model.weights,
            "momentum": torch.zeros_like(model.weights),
            "statistics": model.statistics,
            "epoch": torch.zeros((), dtype=torch.int64),
        }

    def step(self, trial: Trial, progress: Progress, cost: Cost) -> Evaluation | None:
        model = self._model(trial)
        model.bind(progress["weights"], progress["statistics"])
        epochs = max(1, round(trial.epochs)) if trial.epochs else self.settings.trial_epochs
        epoch = int(progress["epoch"])
        self._train(model, progress["momentum"], epoch, self.settings.training(epochs), trial, cost)
        progress["epoch"] += 1
        return Evaluation(100 * self._accuracy(model, trial), 0.0) if epoch + 1 == epochs else None

    def _model(self, trial: Trial) -> FlatModel:
        return FlatModel(self._network(trial).to(memory_format=torch.channels_last), self.device)

    def _network(self, trial: Trial) -> nn.Module:
        """The final network with initial weights of its own."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(self.seed, "weights", trial.number))
            genotype = self.space.decode(trial.code)
            return self.space.network(genotype, self.settings.channels, self.settings.cells, self.classes)

    def _train(
        self, model: FlatModel, momentum: Tensor, epoch: int, training: Training, trial: Trial, cost: Cost
    ) -> None:
        model.module.train()
        for step in range(epoch * self.batches.per_pass, (epoch + 1) * self.batches.per_pass):
            images, labels = self.batches.at(step)
            model.gradient.zero_()
            F.cross_entropy(self._logits(model.module, images, f"train-{trial.number}", step), labels).backward()
            training.step(model.weights, momentum, model.gradient, training.lr_at(epoch))
            cost.spend(forwards=1, backwards=1, images=len(labels))

    @torch.no_grad()
    def _accuracy(self, model: FlatModel, trial: Trial) -> float:
        """The fraction of the validation images that are named right, eval mode, without augmentation."""
        model.module.eval()
        correct = 0
        for number, chosen in enumerate(torch.arange(len(self.valid)).split(VALIDATION_BATCH)):
            images, labels = self.valid.batch(chosen, None)
            logits = self._logits(model.module, images, f"validation-{trial.number}", number)
            correct += int((logits.argmax(dim=1) == labels).sum())
        return correct / len(self.valid)

    def _logits(self, network: nn.Module, images: Tensor, name: str, step: int) -> Tensor:
        """Noise operations draw on the device."""
        return network(images, draw=generator(self.seed, f"noise/{name}", step, self.device))


class ProxyEvaluator(ShortTrainingEvaluator):
    """The score of the untrained network by a proxy, on the first batch of the training images."""

    measure = "score"

    def begin(self, trial: Trial) -> Progress:
        return {}

    def step(self, trial: Trial, progress: Progress, cost: Cost) -> Evaluation:
        images, labels = self.batches.at(0)
        noise = generator(self.seed, f"noise/proxy-{trial.number}", device=self.device)
        found = score(self.settings.proxy, self._network(trial).to(self.device), images, labels, noise)
        cost.spend(forwards=1, backwards=1, images=len(labels))
        return Evaluation(found, 0.0)
