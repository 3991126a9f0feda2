"""A network, mostly a supernet, whose weights and batch-norm statistics are two flat vectors, and SGD on them.

A copy of all weights is then one memcpy, an SGD step a handful of vector operations, and the state of a search a few
tensors. The module is only a view: its parameters alias the vectors it is bound to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from harness.core.settings import setting
from methods.training.arithmetic import Arithmetic
from methods.training.batches import Batch
from methods.training.graphs import Recordings
from spaces.supernet import Supernet

EXACT = Arithmetic()
Tensors = list[nn.Parameter] | list[Tensor]


class PassResult(NamedTuple):
    """What a pass of a batch found, without a graph."""

    loss: Tensor
    """The mean cross-entropy, ()."""
    logits: Tensor
    """(B, classes)"""
    of_gates: Tensor | None = None
    """d loss / d gates (rows, widest), where it was asked for."""


class FlatModel:
    """Binds a network to flat vectors `weights` (P,) and `statistics` (S,); `gradient` (P,) collects the gradients.

    Convolution kernels are stored channels last, or else as torch has them by default."""

    def __init__(
        self,
        module: nn.Module,
        device: torch.device | str,
        arithmetic: Arithmetic = EXACT,
        channels_last: bool = True,
        recordings: Recordings | None = None,
    ) -> None:
        """With `recordings`, which several models may share, passes of the same kind are recorded; the network must
        then launch the same kernels every time."""
        self.recordings = recordings
        self.module, self.arithmetic, self._channels_last = module.to(device), arithmetic, channels_last
        for child in self.module.modules():
            if isinstance(child, nn.BatchNorm2d):
                child.num_batches_tracked = None  # only a cumulative average would read it
        self.copies_that_fit: float | None = None
        """How many copies of it memory lets work at a time, once that was measured."""
        self.parameters = list(self.module.parameters())
        self._buffers = [buffer for buffer in self.module.buffers() if buffer.is_floating_point()]
        self.gradient = torch.zeros_like(self._flatten(self.parameters))
        self._gradients = list(self._views(self.gradient, self.parameters))
        for parameter, view in zip(self.parameters, self._gradients, strict=True):
            parameter.grad = view
        self.bind(self._flatten(self.parameters), self._flatten(self._buffers))

    def __call__(self, images: Tensor, *others: Any) -> Any:
        """What the network returns, in the images' own type."""
        return self.arithmetic.forward(self.module, images, *others)

    def bind(self, weights: Tensor, statistics: Tensor) -> None:
        """From now on the module's parameters and statistics are these vectors."""
        self.weights, self.statistics = weights, statistics
        if self.recordings is not None:
            self.recordings.forget()
        for parameter, view in zip(self.parameters, self._views(weights, self.parameters), strict=True):
            parameter.data = view
        for buffer, view in zip(self._buffers, self._views(statistics, self._buffers), strict=True):
            buffer.data = view

    def run(
        self, batch: Batch, gates: Tensor, draw: Generator | None, of_weights: bool = False, of_gates: bool = False
    ) -> PassResult:
        """A batch through the supernet, in the mode that it is in, and back for what is asked for: `of_weights` sets
        `gradient`."""

        def once(images: Tensor, labels: Tensor, gates: Tensor) -> tuple[Tensor, ...]:
            gates = gates.detach().requires_grad_(of_gates)
            with torch.set_grad_enabled(of_weights or of_gates), self._weights_required(of_weights):
                logits = self(images, gates, draw)
                loss = F.cross_entropy(logits, labels)
                found: tuple[Tensor, ...] = ()
                if of_weights:
                    found = self.differentiate(loss, *([gates] if of_gates else []))
                elif of_gates:
                    found = torch.autograd.grad(loss, gates)
            return loss.detach(), logits.detach(), *found

        inputs = (*batch, gates.detach())
        if self.recordings is None:
            return PassResult(*once(*inputs))
        kind = id(self), of_weights, of_gates, self.module.training
        return PassResult(*self.recordings.run(kind, once, inputs, (self.gradient, self.statistics)))

    @contextmanager
    def _weights_required(self, required: bool) -> Iterator[None]:
        """Where they are not, their gradients are neither prepared for nor computed on the way to another's."""
        for parameter in self.parameters:
            parameter.requires_grad_(required)
        try:
            yield
        finally:
            for parameter in self.parameters:
                parameter.requires_grad_(True)

    def differentiate(self, loss: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """Sets `gradient` to d loss / d weights, and returns the gradients of `others`."""
        found = torch.autograd.grad(loss, (*self.parameters, *others), allow_unused=True)
        own = [(view, new) for view, new in zip(self._gradients, found, strict=False) if new is not None]
        self.gradient.zero_()  # what took no part in the loss
        torch._foreach_copy_([view for view, _ in own], [new for _, new in own])
        return found[len(self.parameters) :]

    def without_gradient(self) -> Tensor:
        """The weights of the parameters whose gradient is 0 everywhere: bool (P,)."""
        idle = torch.stack(torch._foreach_norm(self._gradients, torch.inf)) == 0
        sizes = torch.tensor([view.numel() for view in self._gradients], device=idle.device)
        return idle.repeat_interleave(sizes, output_size=len(self.gradient))

    def copy_from(self, other: FlatModel) -> None:
        self.weights.copy_(other.weights)
        self.statistics.copy_(other.statistics)

    def _flatten(self, tensors: Tensors) -> Tensor:
        return torch.cat([self._laid_out(t.detach()).reshape(-1) for t in tensors])

    def _views(self, flat: Tensor, like: Tensors) -> Iterator[Tensor]:
        """The slices of `flat` in the tensors' shapes."""
        for piece, tensor in zip(flat.split([t.numel() for t in like]), like, strict=True):
            if tensor.dim() == 4 and self._channels_last:
                o, i, h, w = tensor.shape
                yield piece.view(o, h, w, i).permute(0, 3, 1, 2)
            else:
                yield piece.view(tensor.shape)

    def _laid_out(self, tensor: Tensor) -> Tensor:
        return tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 and self._channels_last else tensor


@torch.no_grad()
def inherit(before: FlatModel, after: FlatModel, momentum: Tensor) -> Tensor:
    """Gives a supernet with fewer, or wider, operations the weights and statistics of the one before, and returns what
    is left of the latter's momentum (P,). `before` is of no use afterwards."""

    def copy() -> None:
        old = dict(cast(Supernet, before.module).pieces())
        for name, piece in cast(Supernet, after.module).pieces():
            piece.copy_(_widened(old[name], piece.shape))

    copy()
    weights, statistics, left = after.weights, after.statistics, torch.zeros_like(after.weights)
    before.bind(momentum, before.statistics)  # momentum lies in its vector as the weights do in theirs
    after.bind(left, statistics)
    copy()
    after.bind(weights, statistics)
    return left


def _widened(tensor: Tensor, shape: torch.Size) -> Tensor:
    """The tensor with more channels: copies of those that it has, in turn."""
    for dim, size in enumerate(shape):
        if tensor.shape[dim] != size:
            tensor = tensor.index_select(dim, torch.arange(size, device=tensor.device) % tensor.shape[dim])
    return tensor


@dataclass(frozen=True)
class Training:
    """How the supernet's weights are trained, and on what. One instance serves the search and its fine-tuning."""

    epochs: int = setting(50, "ZARTS supplement 2.2", minimum=1)
    batch: int = setting(64, "ZARTS train_search.py:36", minimum=2)
    lr: float = setting(0.025, "ZARTS supplement 2.2", minimum=0)
    lr_min: float = setting(0.001, "ZARTS train_search.py:37-53; cosine per epoch from lr to lr_min", minimum=0)
    momentum: float = setting(0.9, "ZARTS supplement 2.2", minimum=0, maximum=1)
    nesterov: bool = setting(False, "ZARTS train_search.py:183-190; true on NAS-Bench-201")
    weight_decay: float = setting(3e-4, "ZARTS train_search.py:37-53", minimum=0)
    clip: float = setting(5.0, "ZARTS train_search.py:37-53; the largest norm of the gradient", minimum=1e-12)
    lr_cycle: int = setting(
        0,
        "0: the learning rate falls once, over all epochs; else over so many, the first time: 10 of ENAS",
        minimum=0,
        omit_default=True,
    )
    lr_again: str = setting(
        "rises",
        "after a cycle; rises: as it fell, over as many epochs, and so on (AutoDL-Projects optimizers.py, T_max); "
        "restarts: at its first value, to fall over twice as many (ENAS: T_0, T_mul = 2)",
        choices=("rises", "restarts"),
        omit_default=True,
    )

    def lr_at(self, epoch: int) -> float:
        """The learning rate of an epoch."""
        cycle = self.lr_cycle or self.epochs
        while self.lr_again == "restarts" and epoch >= cycle:
            epoch, cycle = epoch - cycle, 2 * cycle
        return self.lr_min + (self.lr - self.lr_min) * (1 + math.cos(math.pi * epoch / cycle)) / 2

    def step(self, weights: Tensor, momentum: Tensor, gradient: Tensor, lr: float) -> None:
        """One SGD step, in place on `weights` and `momentum`, as clip_grad_norm_ and torch.optim.SGD do it."""
        scale = (self.clip / (gradient.norm() + 1e-6)).clamp(max=1.0)
        direction = torch.addcmul(self.weight_decay * weights, gradient, scale)
        momentum.mul_(self.momentum).add_(direction)
        update = direction.add_(momentum, alpha=self.momentum) if self.nesterov else momentum
        weights.sub_(update, alpha=lr)

    @staticmethod
    def sparing(spared: Tensor, weights: Tensor, momentum: Tensor, step: Callable[[], None]) -> None:
        """The step, in place on `weights` and `momentum` but for the spared ones, bool (P,): there both stay what they
        are, to the bit, as under an optimizer that is given no gradient for them."""
        before = weights.clone(), momentum.clone()
        step()
        for vector, old in zip((weights, momentum), before, strict=True):
            vector.copy_(torch.where(spared, old, vector))

    def step_without(self, frozen: Tensor, weights: Tensor, momentum: Tensor, gradient: Tensor, lr: float) -> None:
        """The same, but for the weights that are frozen, bool (P,): as if they were not there. They stay what they are,
        to the bit, and have neither gradient nor momentum."""
        before = weights.clone()
        self.step(weights, momentum, gradient.masked_fill_(frozen, 0.0), lr)
        weights.copy_(torch.where(frozen, before, weights))
        momentum.masked_fill_(frozen, 0.0)
