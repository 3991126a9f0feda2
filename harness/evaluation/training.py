"""Training a cell's final network from scratch: an explicit state, advanced one step at a time.

Everything random is a function of (seed, stream, step), so a state that was saved and loaded goes on as if nothing had
happened.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from harness.core.memory import peak_memory
from harness.core.rng import generator, seed_of
from harness.evaluation.distributed import ProcessGroup
from harness.evaluation.images import Source, training_order
from harness.evaluation.recipes import Parts, Recipe
from methods.training import graphs
from methods.training.graphs import Recordings
from methods.training.weights import FlatModel
from spaces.counting import counting
from spaces.folding import folded
from spaces.network import FinalNetwork
from spaces.relations import space_of

CHECK_EVERY = 50
"""Steps between two looks at whether the loss is still finite; a look waits for the device."""


@dataclass
class Cost:
    """What a training has spent so far; of one process, where there are several, except for the images."""

    steps: int = 0
    images: int = 0
    """Training images put through the network, by all processes."""
    seconds: float = 0.0
    """Wall seconds of training steps, without tests, checkpoints and loading."""
    test_seconds: float = 0.0
    peak_memory: int = 0
    """Bytes; what was measured is `memory_kind`."""
    memory_kind: str = ""


@dataclass
class State:
    """Where a training is. P = the network's parameters, S = its batch-norm statistics."""

    epoch: int
    step: int
    """Steps done in this epoch."""
    weights: Tensor
    """(P,)"""
    momentum: Tensor
    """(P,)"""
    statistics: Tensor
    """(S,)"""
    meters: Tensor
    """(3,) float64 sums over this epoch: training loss times images, correct answers, images."""
    cost: Cost
    records: list[dict[str, Any]] = field(default_factory=list)
    """One per finished epoch."""
    stopped_by: str = ""
    """"epochs" at the end, empty before."""

    def to_dict(self) -> dict[str, Any]:
        """Tensors and plain values only, so that it loads with weights_only=True."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | {"cost": asdict(self.cost)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], device: str = "cpu") -> State:
        """A state saved by to_dict, with its tensors on this device."""
        moved: dict[str, Any] = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in values.items()}
        return cls(**moved | {"cost": Cost(**values["cost"])})


def final_network(genotype: Genotype, recipe: Recipe, parts: Parts, classes: int) -> nn.Module:
    """The network that a recipe trains, with PyTorch's initial weights from the global generator."""
    network = parts.network
    return space_of(genotype).network(
        genotype, network.channels, network.cells, classes, recipe.stem, auxiliary=network.auxiliary > 0
    )


class Trainer:
    """One training with everything that is fixed about it. Raises HarnessError when the parts do not fit the data."""

    def __init__(
        self,
        genotype: Genotype,
        recipe: Recipe,
        parts: Parts,
        source: Source,
        seed: int,
        device: str,
        group: ProcessGroup,
    ) -> None:
        self.parts, self.source, self.seed, self.device, self.group = parts, source, seed, device, group
        self.order = training_order(source, seed, parts.training.batch, group)
        self.steps_per_epoch = self.order.per_pass
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(seed, "weights"))
            module = final_network(genotype, recipe, parts, source.classes)
        _check_fit(module, source.image_size)
        self._layout = torch.channels_last if parts.layout.channels_last else torch.contiguous_format
        # NCCL asks after events while others record, which spoils a recording.
        recorded = isinstance(module, FinalNetwork) and module.repeats and group.world == 1 and graphs.wanted(device)
        recordings = Recordings() if recorded else None
        self.model = FlatModel(module, device, parts.arithmetic, parts.layout.channels_last, recordings)

    def start(self) -> State:
        """The state before the first step."""
        return State(
            epoch=0,
            step=0,
            weights=self.model.weights.clone(),
            momentum=torch.zeros_like(self.model.weights),
            statistics=self.model.statistics.clone(),
            meters=torch.zeros(3, dtype=torch.float64, device=self.device),
            cost=Cost(),
        )

    def advance(self, state: State) -> State:
        """One step, and at the end of an epoch the test and the record.

        Changes the state's tensors in place and returns it. Raises HarnessError when the loss is no longer finite.
        """
        began = time.perf_counter()
        if self.model.weights is not state.weights:
            self.model.bind(state.weights, state.statistics)
        with self.parts.arithmetic.factors():
            self._train(state)
        state.step += 1
        epoch_over = state.step == self.steps_per_epoch
        if epoch_over or state.step % CHECK_EVERY == 0:
            self.check(state)
        state.cost.seconds += time.perf_counter() - began
        if epoch_over:
            self._close_epoch(state)
        return state

    def named_weights(self, state: State) -> dict[str, Tensor]:
        """The state's parameters and batch-norm statistics as a state_dict has them, on the CPU, without those of the
        auxiliary head, which serves the training alone."""
        self.model.bind(state.weights, state.statistics)
        return {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in self.model.module.state_dict().items()
            if not name.startswith("auxiliary.")
        }

    def check(self, state: State) -> None:
        """Raises HarnessError if anything in the state stopped being finite."""
        carried = (state.meters, state.weights, state.momentum, state.statistics)
        if not all(bool(tensor.isfinite().all()) for tensor in carried):
            raise HarnessError(
                f"the training is no longer finite in epoch {state.epoch + 1}, step {state.step}; "
                "the last checkpoint before it is kept. Try a smaller learning rate (--set lr=...)."
            )

    def _train(self, state: State) -> None:
        """One SGD step; several processes each take a share of the batch, and all make the same step."""
        number = state.epoch * self.steps_per_epoch + state.step
        images, labels = self.source.train(self.order, self.group, number)
        total = len(self.order.at(number))
        self.model.module.train()
        loss, logits = self._pass(images, labels, total, self.parts.drop_path_at(state.epoch), number)
        correct = (logits.argmax(dim=1) == labels).sum()
        count = correct.new_tensor(len(labels))
        state.meters += self.group.sum_(torch.stack([loss.double() * count, correct.double(), count.double()]))
        self.group.sum_(self.model.gradient)
        self.group.sum_(state.statistics).div_(self.group.world)
        lr = self.parts.training.lr_at(state.epoch)
        self.parts.training.step(state.weights, state.momentum, self.model.gradient, lr)
        state.cost.steps += 1
        state.cost.images += total

    def _pass(self, images: Tensor, labels: Tensor, total: int, rate: float, number: int) -> tuple[Tensor, ...]:
        """Mean loss () and logits of this process's share of a batch of `total` images, which sets its share of the
        gradient: the sum over the processes is that of the mean over the batch."""
        model, draw = self.model, self._draw("train", number)
        smoothing, weight = self.parts.training.label_smoothing, self.parts.network.auxiliary

        def once(images: Tensor, labels: Tensor, drop_path: float | Tensor = 0.0) -> tuple[Tensor, ...]:
            logits, auxiliary = self._forward(model.module, images, drop_path, draw)
            loss = objective = F.cross_entropy(logits, labels, label_smoothing=smoothing)
            if auxiliary is not None:
                objective = loss + weight * F.cross_entropy(auxiliary, labels, label_smoothing=smoothing)
            model.differentiate(objective * (len(labels) / total))
            return loss.detach(), logits.detach()

        if model.recordings is None:
            return once(images, labels, rate)
        paths = [cast(FinalNetwork, model.module).drawn_paths(images, rate, draw)] if rate else []
        return model.recordings.run(total, once, [images, labels, *paths], [model.gradient, model.statistics])

    def _forward(
        self, network: nn.Module, images: Tensor, drop_path: float | Tensor, draw: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """float32 logits, and those of the auxiliary head where there is one."""
        images = images.contiguous(memory_format=self._layout)
        out = self.parts.arithmetic.forward(network, images, drop_path, draw)
        return out if isinstance(out, tuple) else (out, None)

    def _draw(self, name: str, step: int) -> torch.Generator:
        """For drop-path and noise operations, which draw on the device."""
        return generator(self.seed, f"{name}/draw/{self.group.rank}", step, self.device)

    def _close_epoch(self, state: State) -> None:
        began = time.perf_counter()
        with self.parts.arithmetic.factors():
            test_loss, test_error = self._test(state)
        state.cost.test_seconds += time.perf_counter() - began
        measured, state.cost.memory_kind = peak_memory(self.device)
        state.cost.peak_memory = max(state.cost.peak_memory, measured)
        loss, correct, images = state.meters.tolist()
        state.records.append(
            {
                "epoch": state.epoch,
                "lr": self.parts.training.lr_at(state.epoch),
                "drop_path": self.parts.drop_path_at(state.epoch),
                "train_loss": loss / images,
                "train_error": 100 * (images - correct) / images,
                "test_loss": test_loss if math.isfinite(test_loss) else None,
                "test_error": test_error,
                "cost": asdict(state.cost),
            }
        )
        state.epoch, state.step = state.epoch + 1, 0
        state.meters = torch.zeros_like(state.meters)
        if state.epoch == self.parts.training.epochs:
            state.stopped_by = "epochs"

    @torch.no_grad()
    def _test(self, state: State) -> tuple[float, float]:
        """Mean loss, and error in percent, over the test images, in eval mode."""
        network = folded(self.model.module)
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        for number, (images, labels) in enumerate(self.source.test(self.group)):
            logits, _ = self._forward(network, images, 0.0, self._draw(f"test-{number}", state.epoch))
            loss = F.cross_entropy(logits, labels, reduction="sum").double()
            wrong = (logits.argmax(dim=1) != labels).sum()
            sums += torch.stack([loss, wrong.double(), wrong.new_tensor(len(labels)).double()])
        loss, wrong, images = self.group.sum_(sums).tolist()
        return loss / images, 100 * wrong / images


def _check_fit(module: nn.Module, image_size: int) -> None:
    """Raises HarnessError for images of a size that this network cannot be trained on."""
    twin = copy.deepcopy(module).train()
    try:
        with counting():
            twin(torch.zeros(2, 3, image_size, image_size), draw=torch.Generator())
    except HarnessError as error:
        raise HarnessError(f"{error} (--set auxiliary=0)") from None
    except RuntimeError:
        raise HarnessError(
            f"images of side {image_size} do not fit this network, which halves them at its reductions; use others."
        ) from None
