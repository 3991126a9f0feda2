"""The ranking of one-shot methods: accuracy with the weights that all candidates share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harness.core.settings import setting
from methods.rankings.ranking import Trained
from methods.training.batches import Batch, Order

MODES = {
    "batch": "of each batch that is scored",
    "recalibrated": "taken anew for each candidate, on training batches",
    "running": "the supernet's running ones, a mixture over all sub-networks that were trained",
}
"""Where batch norm has its mean and variance from while a candidate is scored."""


@dataclass(frozen=True)
class SharedWeights:
    """The accuracy of a sub-network, in percent, on a few batches of alpha's images without augmentation, at the
    supernet's weights."""

    ranked: int = setting(1000, "candidates; SPOS Search/search.py: 20 generations of 50; SETN: 1000", minimum=1)
    batch_norm: str = setting(
        "batch",
        "batch: AutoDL-Projects with track_running_stats=0, which its author recommends; recalibrated: SPOS "
        "Search/tester.py; running: RSPS darts_wrapper_discrete.py, AutoDL-Projects with track_running_stats=1",
        choices=tuple(MODES),
    )
    ranking_batches: int = setting(1, "AutoDL-Projects RANDOM-NAS.py, SETN.py: 1; RSPS: 10; SPOS: 40", minimum=1)
    ranking_batch: int = setting(512, "AutoDL-Projects SETN.config, RANDOM.config: 512; RSPS: 64; SPOS: 200", minimum=2)
    common_batches: bool = setting(
        False, "false: others for each candidate, as in all sources; true: the same for all, which compares them better"
    )
    recalibration_batches: int = setting(200, "SPOS Search/tester.py; where batch_norm is recalibrated", minimum=1)
    recalibration_batch: int = setting(128, "SPOS Search/tester.py; images in each", minimum=2)
    most_macs: float = setting(
        0.0, "millions of the final network, 0: any (choice: SPOS Search/search.py: 330, on ImageNet)", minimum=0
    )

    @property
    def words(self) -> str:
        which = "the same for all" if self.common_batches else "others for each candidate"
        mode = MODES[self.batch_norm]
        if self.batch_norm == "recalibrated":
            mode += f" ({self.recalibration_batches} of {self.recalibration_batch})"
        return (
            f"accuracy in percent with the supernet's weights, on {self.ranking_batches} x {self.ranking_batch} of "
            f"alpha's images without augmentation, {which}; batch norm {self.batch_norm}: its statistics are {mode}"
        )

    @torch.no_grad()
    def score(self, at: Trained, gates: Tensor, number: int, epochs: float) -> float:
        network = at.model.module
        if self.batch_norm == "recalibrated":
            self._recalibrate(at, gates)
        network.train(self.batch_norm == "batch")
        correct, seen = torch.zeros((), dtype=torch.int64, device=gates.device), 0
        for batch, (images, labels) in enumerate(self._batches(at, number, epochs)):
            logits = at.model(images, gates, at.noise("ranking", batch))
            correct += (logits.argmax(dim=1) == labels).sum()
            seen += len(labels)
            at.cost.spend(forwards=1, backwards=0, images=len(labels))
        return 100 * int(correct) / seen

    def _batches(self, at: Trained, number: int, epochs: float) -> Iterator[Batch]:
        """What candidate `number` is scored on: whole passes have one order for all."""
        order = Order(len(at.valid), at.seed, "ranking", self.ranking_batch)
        count, first = self.ranking_batches, 0 if self.common_batches else number * self.ranking_batches
        if epochs:
            count, first = min(order.per_pass, math.ceil(epochs * order.per_pass)), 0
        return (at.valid.batch(order.at(first + step), None) for step in range(count))

    def _recalibrate(self, at: Trained, gates: Tensor) -> None:
        """Gives the batch norms the mean of the statistics of some training batches, the same for all candidates. SPOS
        has torch's moving average, of which its 200 batches leave nothing else; fewer would (choice)."""
        norms = [module for module in at.model.module.modules() if isinstance(module, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        batches = at.train("recalibration", self.recalibration_batch)
        at.model.module.train()
        try:
            for step in range(self.recalibration_batches):
                for norm in norms:
                    norm.momentum = 1 / (step + 1)
                images, labels = batches.at(step)
                at.model(images, gates, at.noise("recalibration", step))
                at.cost.spend(forwards=1, backwards=0, images=len(labels))
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
