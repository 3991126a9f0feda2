"""The search: an explicit state, advanced one weight step at a time.

    state = search.start()
    while not state.stopped_by:
        state = search.advance(state)
    result = search.result(state)

Everything random is a function of (seed, stream, step), so a state that was saved and loaded goes on as if nothing had
happened.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from scipy.sparse.linalg import ArpackError
from torch import Tensor

from harness.core.errors import HarnessError, quoted
from harness.core.genotype import Genotype, parse
from harness.core.memory import peak_memory
from harness.core.rng import generator, seed_of
from harness.core.types import Budget, Cost, Dataset, SearchResult
from methods.lookaheads.lookahead import UpdateContext
from methods.rules.rule import normal
from methods.schedules.alternating import KeptOperations
from methods.schedules.clock import Clock, Stage
from methods.search.curvature import extreme, hessian_product
from methods.search.parts import Parts
from methods.search.records import finite, operation_counts
from methods.search.state import State
from methods.training import graphs
from methods.training.batches import Batch, Batches
from methods.training.graphs import Recordings
from methods.training.saved_activations import SavedActivations
from methods.training.weights import FlatModel, PassResult, inherit
from spaces import Space

ALPHA_SCALE = 1e-3
"""alpha starts as 1e-3 N(0, 1) (DARTS model_search.py)."""
VALIDATION_BATCH = 250
"""Images per batch of the epoch-end validation; eval mode, so it does not enter the result."""
CHECK_EVERY = 50
"""Weight steps between two looks at whether the loss is still finite; a look waits for the device."""


class Search:
    """One search with everything that is fixed about it. Raises HarnessError when the parts do not fit the data."""

    def __init__(
        self, parts: Parts, space: Space, dataset: Dataset, seed: int, device: str = "cpu", budget: Budget | None = None
    ) -> None:
        self.parts, self.space, self.seed, self.device = parts, space, seed, device
        self.seconds, self.epochs = (budget or Budget()).seconds, parts.training.epochs
        data, training, divisor = parts.data, parts.training, space.divisor(parts.macro)
        if dataset.image_size % divisor:
            raise HarnessError(
                f"images of {quoted(dataset.name)} have side {dataset.image_size}; it must divide by {divisor} here."
            )
        self.train, self.valid = dataset.to(device).halves(
            data.portion, data.images, data.normalisation, data.split_file
        )
        if min(len(self.train), len(self.valid)) < 2:
            raise HarnessError(
                f"{quoted(dataset.name)} gives {len(self.train)} images to the weights and {len(self.valid)} to alpha; "
                "batch norm needs 2 or more of each."
            )
        self.train_batches = self._batches("train", training.batch)
        self.valid_batches = Batches(self.valid, seed, "valid", data.valid_batch)
        self.steps_per_epoch = self.train_batches.per_pass
        self.classes = dataset.classes
        self._built: tuple[int, KeptOperations] | None = None
        self.reduced = space

    def _batches(self, stream: str, size: int) -> Batches:
        return Batches(self.train, self.seed, stream, size)

    def _build_stage(self, stage: int, kept: KeptOperations) -> None:
        """Goes over to the supernet of a stage, with these operations."""
        self._built, self.reduced = (stage, kept), self.space.restricted(kept)
        recordings = Recordings()
        self.model, self.scratch = self._build(stage, recordings), self._build(stage, recordings)
        self.initial = self.model.weights, self.model.statistics

    def _build(self, stage: int, recordings: Recordings) -> FlatModel:
        """A supernet with the initial weights of this seed and stage."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(self.seed, "weights", stage))
            macro = self.parts.macro
            macro = replace(macro, cells=macro.cells + self.parts.schedule.deeper(stage))
            module = self.reduced.supernet(macro, self.classes, self.parts.edge.outgoing)
        recorded = module.repeats and graphs.wanted(self.device)
        module = module.to(memory_format=torch.channels_last)
        return FlatModel(module, self.device, self.parts.arithmetic, recordings=recordings if recorded else None)

    def start(self) -> State:
        """The state before the first step."""
        kept = [list(edge.operations) for edge in self.space.edges]
        if self._built != (0, kept):
            self._build_stage(0, kept)
        return State(
            epoch=0,
            step=0,
            stage=0,
            kept=kept,
            last_choice=[{} for _ in kept],
            **self._beginning(0),
            meters=torch.zeros(3, dtype=torch.float64, device=self.device),
            failed_at=torch.full((), -1, device=self.device),
            diagnostics={},
            cost=Cost(),
        )

    def restore(self, saved: Mapping[str, Any]) -> State:
        """A state that was saved by to_dict."""
        return State.from_dict(saved, self.device)

    def _beginning(self, stage: int) -> dict[str, Any]:
        """The part of the state that a stage begins with which inherits nothing, for the supernet it stands on."""
        draw = generator(self.seed, "alpha", stage)
        alpha = (ALPHA_SCALE * torch.randn(self.parts.relaxation.size(self.reduced), generator=draw)).to(self.device)
        weights, statistics = self.initial
        return {
            "alpha": alpha,
            "memory": self.parts.rule.start(alpha),
            "weights": weights.clone(),
            "momentum": torch.zeros_like(weights),
            "statistics": statistics.clone(),
        }

    def advance(self, state: State) -> State:
        """One weight step, the update of alpha if one is due, and at the end of an epoch validation and the record.

        Changes the state in place and returns it. Raises HarnessError when the loss is no longer finite.
        """
        began = time.perf_counter()
        self.bind(state)
        while state.stage < self._stage(state.epoch).number:
            self._drop_operations(state)
        self._adjust(state)
        schedule, batch = self.parts.schedule, self.train_batches.at(self._weight_step(state))
        moves_alpha = self.moves_alpha(state.epoch, state.step)
        with self._memory_measured(state), self.parts.arithmetic.factors():
            if moves_alpha and schedule.order == "alpha-first":
                self._move_alpha(state, batch)
            self._train(state, batch)
            if moves_alpha and schedule.order == "weights-first":
                self._move_alpha(state, batch)
        state.step += 1
        epoch_over = state.step == self.steps_per_epoch
        if epoch_over or state.step % CHECK_EVERY == 0:
            self.check(state)
        state.cost.seconds += time.perf_counter() - began
        out_of_time = self.seconds is not None and state.cost.seconds >= self.seconds
        if epoch_over or out_of_time:
            self._close_epoch(state, out_of_time)
        return state

    def check(self, state: State) -> None:
        """Raises HarnessError if anything in the state stopped being finite, saying at which step, counted from 1."""
        failed = int(state.failed_at)
        carried = (state.alpha, state.weights, state.momentum, state.statistics)
        if failed < 0 and not all(bool(tensor.isfinite().all()) for tensor in carried):
            failed = self._weight_step(state) - 1
        if failed >= 0:
            epoch, step = divmod(failed, self.steps_per_epoch)
            raise HarnessError(
                f"the search is not finite from epoch {epoch + 1}, step {step + 1} on; "
                "the last checkpoint before it is kept. Try a smaller learning rate (--set lr=...) or step of alpha."
            )

    def genotype(self, state: State) -> Genotype:
        """The architecture that the current alpha derives to, or the one that an early end goes back to."""
        if state.stopped_by == "eigenvalue":
            chosen = self.parts.stopping.chosen(state.records, self.epochs)
            return parse(next(record["genotype"] for record in state.records if record["epoch"] == chosen))
        choices = self.choices(state)
        space = self.space.restricted([list(row) for row in choices])
        return self.parts.schedule.derive(space, [list(row.values()) for row in choices])

    def choices(self, state: State) -> list[dict[str, float]]:
        """Per edge the probabilities of its operations; where one is left, of those among which it was chosen."""
        rows = self.probabilities(state)
        return [row if len(row) > 1 else last or row for row, last in zip(rows, state.last_choice, strict=True)]

    def probabilities(self, state: State) -> list[dict[str, float]]:
        """The strengths of the operations per edge by their names, float64: softmax(alpha), mostly."""
        alpha, space = state.alpha.detach().double().cpu(), self.space.restricted(state.kept)
        rows = self.parts.relaxation.strengths(alpha, space).tolist()
        return [dict(zip(names, row, strict=False)) for names, row in zip(state.kept, rows, strict=True)]

    def moves_alpha(self, epoch: int, step: int) -> bool:
        """Whether alpha moves at this weight step of this epoch, if there is still something to choose then."""
        return max(self.reduced.widths) > 1 and self.parts.schedule.moves_alpha(self._stage(epoch).clock, step)

    def result(self, state: State) -> SearchResult:
        return SearchResult(
            genotype=self.genotype(state),
            cost=state.cost,
            records=tuple(state.records),
            alpha=tuple(state.alpha.tolist()),
            settings=self.parts.settings(),
            stopped_by=state.stopped_by,
        )

    def _weight_step(self, state: State) -> int:
        return state.epoch * self.steps_per_epoch + state.step

    def _stage(self, epoch: int) -> Stage:
        return self.parts.schedule.stage(epoch, self.parts.training.epochs)

    def bind(self, state: State) -> None:
        """Stands on the supernet of the state's stage, at the state's weights."""
        if self._built != (state.stage, state.kept):
            self._build_stage(state.stage, state.kept)
        if self.model.weights is not state.weights or self.model.statistics is not state.statistics:
            self.model.bind(state.weights, state.statistics)

    def _drop_operations(self, state: State) -> None:
        """Goes on to the next stage, with the operations that the schedule keeps."""
        rows = [list(row.values()) for row in self.probabilities(state)]
        kept = self.parts.schedule.keep(self.reduced, rows, state.stage + 1)
        left = [name in names for edge, names in zip(self.reduced.edges, kept, strict=True) for name in edge.operations]
        left += [True] * (len(state.alpha) - len(left))  # what of alpha is not about operations
        before, columns = self.model, torch.tensor(left, device=self.device)
        state.last_choice, state.kept, state.stage = self.choices(state), kept, state.stage + 1
        self._build_stage(state.stage, kept)
        if not self.parts.schedule.inherits:
            vars(state).update(self._beginning(state.stage))
            return
        state.memory = {k: v[columns] if v.shape == state.alpha.shape else v for k, v in state.memory.items()}
        state.alpha = state.alpha[columns]
        state.momentum = inherit(before, self.model, state.momentum)
        state.weights, state.statistics = self.model.weights, self.model.statistics

    def _adjust(self, state: State) -> None:
        """Sets what of the edges depends on the epoch."""
        clock = self._clock(state)
        for model in (self.model, self.scratch):
            self.parts.edge.adjust(model.module, state.stage, clock.epoch, clock.epochs, clock.warmup)

    def _clock(self, state: State) -> Clock:
        return self._stage(state.epoch).clock

    def _lr(self, state: State) -> float:
        clock = self._clock(state)
        return replace(self.parts.training, epochs=clock.epochs).lr_at(clock.epoch)

    def _gates(self, alpha: Tensor, clock: Clock, name: str, step: int) -> Tensor:
        return self.gates(alpha, clock, generator(self.seed, f"gates/{name}", step))

    def gates(self, alpha: Tensor, clock: Clock, draw: torch.Generator) -> Tensor:
        """What the supernet is given for an alpha, of which `draw` is the randomness."""
        gates = self.parts.relaxation.gates(alpha, self.reduced, clock, draw)
        return self.parts.edge.all_gates(gates, clock.epoch, clock.epochs)

    def _train(self, state: State, batch: Batch) -> None:
        """One SGD step on the weights with alpha fixed."""
        labels = batch[1]
        step = self._weight_step(state)
        gates = self._weight_gates(state, batch, step)
        self.model.module.train()
        passed = self.model.run(batch, gates, self._noise("train", step), of_weights=True)
        lr = self._lr(state)
        self.parts.training.step(state.weights, state.momentum, self.model.gradient, lr)
        state.cost.weight_steps += 1
        state.cost.spend(forwards=1, backwards=1, images=len(labels))
        self._meter(state, step, passed.loss, passed.logits, labels)

    def _weight_gates(self, state: State, batch: Batch, step: int) -> Tensor:
        """The gates of a weight step: alpha's, perturbed where the method does so."""
        parts, clock, widths = self.parts, self._clock(state), self.reduced.widths

        def look(gates: Tensor, of_gates: bool) -> PassResult:
            self.model.module.eval()
            every = parts.edge.all_gates(gates, clock.epoch, clock.epochs)
            passed = self.model.run(batch, every, self._noise("perturbation", step), of_gates=of_gates)
            state.cost.spend(forwards=1, backwards=int(of_gates), images=len(batch[1]))
            return passed if passed.of_gates is None else passed._replace(of_gates=passed.of_gates[:, : max(widths)])

        drawn, moved = (generator(self.seed, name, step) for name in ("gates/train", "perturbation"))
        gates = parts.relaxation.gates(state.alpha, self.reduced, clock, drawn)
        gates = parts.perturbation.perturbed(gates, widths, look, clock, moved)
        return parts.edge.all_gates(gates, clock.epoch, clock.epochs)

    def _meter(self, state: State, step: int, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Adds to the epoch's sums and notes a failure, without waiting for the device."""
        correct = (logits.argmax(dim=1) == labels).sum()
        state.meters += torch.stack([loss.double() * len(labels), correct.double(), correct.new_tensor(len(labels))])
        finite = loss.isfinite() & state.alpha.isfinite().all()
        first = (state.failed_at < 0) & ~finite
        state.failed_at = torch.where(first, step, state.failed_at)

    def _move_alpha(self, state: State, train: Batch) -> None:
        """One update of alpha by the rule, through the lookahead's oracle."""
        update, parts, clock = state.cost.alpha_steps, self.parts, self._clock(state)
        self.model.module.train()
        self.scratch.module.train()
        context = UpdateContext(
            model=self.model,
            scratch=self.scratch,
            momentum=state.momentum,
            gates=lambda alpha, name: self._gates(alpha, clock, f"alpha/{name}", update),
            training=parts.training,
            lr=self._lr(state),
            train=train,
            valid=self.valid_batches.at(update),
            batches=self._batches,
            update=update,
            draw=lambda name: self._noise(f"alpha/{name}", update),
            cost=state.cost,
        )
        draw = generator(self.seed, "rule", update)
        move = parts.rule.step(state.alpha, parts.lookahead.oracle(context), state.memory, clock, draw)
        state.alpha, state.memory = move.alpha, move.memory
        for name, value in {**move.diagnostics, "updates": torch.ones((), device=self.device)}.items():
            state.diagnostics[name] = state.diagnostics.get(name, 0.0) + value.detach().double()
        state.cost.alpha_steps += 1

    def _noise(self, name: str, step: int) -> torch.Generator:
        """For noise operations, which draw on the device."""
        return generator(self.seed, f"noise/{name}", step, self.device)

    def _close_epoch(self, state: State, out_of_time: bool) -> None:
        """Validation and the record; then the next epoch, or the end."""
        self.check(state)
        began = time.perf_counter()
        with self.parts.arithmetic.factors():
            valid_loss, valid_accuracy = self._validate(state)
        state.cost.validation_seconds += time.perf_counter() - began
        watched = {}
        if self.parts.stopping.watches(state.epoch, self.epochs):
            began = time.perf_counter()
            watched["eigenvalue"] = finite(self._eigenvalue(state))
            state.cost.seconds += time.perf_counter() - began
        self._measure_memory(state)
        state.records.append({**self._record(state, valid_loss, valid_accuracy), **watched})
        if state.step == self.steps_per_epoch:
            state.epoch, state.step = state.epoch + 1, 0
            state.meters, state.diagnostics = torch.zeros_like(state.meters), {}
        if state.epoch == self.epochs:
            state.stopped_by = "epochs"
        elif out_of_time:
            state.stopped_by = "seconds"
        elif self.parts.stopping.chosen(state.records, self.epochs) is not None:
            state.stopped_by = "eigenvalue"

    @torch.no_grad()
    def _validate(self, state: State) -> tuple[float, float]:
        """Mean loss and accuracy over alpha's half, eval mode, without augmentation."""
        self.model.module.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        for number, chosen in enumerate(torch.arange(len(self.valid)).split(VALIDATION_BATCH)):
            images, labels = self.valid.batch(chosen, None)
            name = f"validation-{number}"
            gates = self._gates(state.alpha, self._clock(state), name, state.epoch)
            logits = self.model(images, gates, self._noise(name, state.epoch))
            loss = F.cross_entropy(logits, labels, reduction="sum")
            sums += torch.stack([loss.double(), (logits.argmax(dim=1) == labels).sum().double()])
        loss_sum, correct = (sums / len(self.valid)).tolist()
        return loss_sum, correct

    def _eigenvalue(self, state: State) -> float:
        """The largest of the Hessian of the validation loss in alpha, at the weights as they are: in train mode, on the
        last batch that moved alpha, on the scratch copy. nan where it cannot be found."""
        images, labels = self.valid_batches.at(max(0, state.cost.alpha_steps - 1))
        clock, decay = self._clock(state), self.parts.stopping.decay

        def loss(alpha: Tensor) -> Tensor:
            self.scratch.copy_from(self.model)
            self.scratch.module.train()
            state.cost.spend(forwards=1, backwards=2, images=len(labels))
            gates = self._gates(alpha, clock, "hessian", state.epoch)
            return F.cross_entropy(self.scratch(images, gates, self._noise("hessian", state.epoch)), labels)

        def apply(vector: Tensor) -> Tensor:
            return hessian_product(loss, state.alpha, vector) + decay * vector

        start = normal(generator(self.seed, "lanczos", state.epoch), 1, state.alpha)[0]
        with self.parts.arithmetic.factors():
            try:
                return extreme(apply, start, largest=True)
            except ArpackError:
                return math.nan

    @contextmanager
    def _memory_measured(self, state: State) -> Iterator[None]:
        """Measures what the first step of an epoch, which is one that moves alpha, saves for its backward passes."""
        if state.step:
            yield
            return
        own = (self.model, self.scratch)
        vectors = [vector for model in own for vector in (model.weights, model.gradient, model.statistics)]
        with SavedActivations(without=vectors) as saved:
            yield
        state.cost.saved_activations = max(state.cost.saved_activations, saved.peak)

    def _measure_memory(self, state: State) -> None:
        measured, kind = peak_memory(self.device)
        state.cost.peak_memory = max(state.cost.peak_memory, measured)
        state.cost.memory_kind = kind

    def _record(self, state: State, valid_loss: float, valid_accuracy: float) -> dict[str, Any]:
        genotype = self.genotype(state)
        loss, correct, images = state.meters.tolist()
        sums = {name: float(value) for name, value in state.diagnostics.items()}
        updates = sums.pop("updates", 0.0)
        return {
            "epoch": state.epoch,
            "steps": state.step,
            "train_loss": loss / images,
            "train_accuracy": correct / images,
            "valid_loss": finite(valid_loss),
            "valid_accuracy": valid_accuracy,
            "lr": self._lr(state),
            "genotype": str(genotype),
            "operations": operation_counts(genotype),
            "candidates": [len(names) for names in state.kept],
            "alpha_entropy": self._entropy(state),
            "alpha_norm": float(state.alpha.double().norm()),
            "alpha_updates": int(updates),
            "rule": {name: finite(total / updates) for name, total in sorted(sums.items())},
            "cost": state.cost.to_json(),
        }

    def _entropy(self, state: State) -> float:
        """Mean over the edges of the entropy of softmax(alpha), in nats."""
        rows = [[p / sum(row.values()) for p in row.values()] for row in self.probabilities(state)]
        return -sum(p * math.log(p) for row in rows for p in row if p > 0) / len(rows)
