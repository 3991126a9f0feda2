"""The mixed edge of production: the gated sum of operations, with everything that operations have in common done once.

`SumOfOperations` computes what leaves one state of a cell: for each of its edges the sum of gate * operation(state).
Written down plainly that is a module per operation and edge, hundreds of small kernels for every state. The same
values come from far fewer, by six facts:

1.  *The edges read one state.* They share its ReLU, its copies in other layouts, and the operations without weights
    (pools with their batch norms, the state itself), which enter all edges by one product of matrices.
2.  *One operation on several edges is one operation with more channels.* The tensors of a candidate are stacked along
    their first axis, edge after edge (`Stack`): a depthwise convolution then runs on the state repeated, later
    convolutions run in groups, a batch norm on all channels. Edges that run "together" make the fewest kernels. Where
    the stacked maps overflow the cache of a CPU it is faster to run them "apart", with slices of the same tensors:
    `TOGETHER` is the size of a state at which both take the same time.
3.  *The gate is the weight of the last batch norm*, which has none of its own in search: gate * BN(x) is BN with the
    weight gate. The multiplication is then free, and so is its backward where no gradient to the gate is wanted.
4.  *A convolution dilated by 2 sees four images*, the phases of `spaces.depthwise`. What follows it is pointwise or a
    mean over pixels, so the operation stays on the phases until its sum is put back.
5.  *Gradients of depthwise convolutions* are taken as a CPU is fast at them, see there.
6.  *A sum may be taken in any order.* What lies on the same edges is added in place before nodes take their parts.

Nothing else in the project knows of this. A candidate that is a `Rectified` chain of convolutions, ReLUs and batch
norms without affine part is stacked, whatever its sizes; one without weights is shared; any other simply runs as its
own module (`_fused_form` decides). The values are those of one module per operation up to the order of summation, which
tests/plain_supernets.py holds them to; initial weights and random draws come in the same order too. Every edge's own
tensors keep a name that does not say what they are stacked with: `pieces`. Gradients are exact, and can be
differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from spaces.batch_norm import few_channels, normalised
from spaces.cells import Edge
from spaces.depthwise import autocast, depthwise
from spaces.edges.edge import EdgePart
from spaces.layouts import Image, Phases, every_other
from spaces.operations import FactorizedReduce, Rectified, apply
from spaces.supernet import POOLS, Build, Outgoing, named_tensors

TOGETHER = 3 << 19
"""Bytes of a state up to which its edges run together on a CPU (measured: 1 MiB gains by it, 2 MiB loses)."""

Places = tuple[int, ...]
"""Some of the edges that leave a state, by their numbers."""


class SumOfOperations(nn.Module):
    """What leaves one state of a cell, the edge part of a method: each edge the gated sum of its operations."""

    repeats = True
    rows: Tensor
    columns: Tensor
    """Where the gates hold the gate of each channel, form after form."""
    shared_rows: Tensor
    shared_columns: Tensor
    absent: Tensor
    """Where the gates hold those of the shared operations (edges, operations), and which of them an edge lacks."""

    def __init__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build) -> None:
        super().__init__()
        self.edges = [edge for _, edge in edges]
        built = [{name: build(name, channels, stride) for name in edge.operations} for edge in self.edges]
        self.places: dict[str, Places] = {}
        self.shared, self.forms = nn.ModuleDict(), nn.ModuleDict()
        for name in dict.fromkeys(name for own in built for name in own):
            # `none` is zero whatever its gate; only an edge that has nothing else needs it.
            places = tuple(i for i, own in enumerate(built) if name in own and (name != "none" or len(own) == 1))
            if places:
                self.places[name] = places
                modules = [built[i][name] for i in places]
                if name in POOLS or isinstance(modules[0], nn.Identity):
                    self.shared[name] = modules[0]
                else:
                    self.forms[name] = _fused_form(modules)
        self.sharing = [i for i, own in enumerate(built) if any(name in own for name in self.shared)]
        shared = [[(i, name) for name in self.shared] for i in self.sharing]
        stacked = [(i, name) for name in self.forms for i in self.places[name]]
        self.counts = [len(self.places[name]) * channels for name in self.forms]

        def column(edge: Edge, name: str) -> int:
            return edge.operations.index(name) if name in edge.operations else 0

        for label, index in (
            ("shared_rows", [[edges[i][0] for i, _ in row] for row in shared]),
            ("shared_columns", [[column(self.edges[i], name) for i, name in row] for row in shared]),
            ("absent", [[name not in self.edges[i].operations for i, name in row] for row in shared]),
            ("rows", [edges[i][0] for i, _ in stacked for _ in range(channels)]),
            ("columns", [column(self.edges[i], name) for i, name in stacked for _ in range(channels)]),
        ):
            dtype = torch.bool if label == "absent" else torch.long
            self.register_buffer(label, torch.tensor(index, dtype=dtype), persistent=False)
        self.ragged = any(name not in self.edges[i].operations for row in shared for i, name in row)

    @staticmethod
    def prepare(gates: Tensor) -> Tensor:
        return gates

    def forward(self, x: Tensor, gates: Tensor, draw: Generator | None) -> Iterator[tuple[int, Tensor]]:
        """Yields (target state, contribution), an edge possibly in several contributions."""
        state = _State(x, draw, apart=x.device.type == "cpu" and x.nbytes > TOGETHER)
        sums = _Sums()
        if self.forms:
            per_channel = gates[self.rows, self.columns].split(self.counts)
            for (name, form), gate in zip(self.forms.items(), per_channel, strict=True):
                form(state, gate, self.places[name], sums)
        if self.shared:
            weights = gates[self.shared_rows, self.shared_columns]
            weights = weights.masked_fill(self.absent, 0) if self.ragged else weights
            blended = _Blend.apply(*autocast(weights, *(module(x) for module in self.shared.values())))
            for place, y in zip(self.sharing, blended, strict=True):
                yield self.edges[place].target, y
        for places, total in sums.by_edges():
            parts = total.chunk(len(places), dim=1) if len(places) > 1 else [total]
            for place, part in zip(places, parts, strict=True):
                yield self.edges[place].target, part

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        """(source-target.operation.tensor of the operation's own module, a view of that tensor), edge by edge."""
        for number, edge in enumerate(self.edges):
            for name in edge.operations:
                if name in self.shared:
                    own = named_tensors(self.shared[name])
                elif number in self.places.get(name, ()):
                    own = cast(Any, self.forms[name]).pieces(self.places[name].index(number))
                else:
                    continue
                for piece, tensor in own:
                    yield f"{edge.source}-{edge.target}.{name}.{piece}", tensor


@dataclass(frozen=True)
class SumEdge(EdgePart):
    """A mixed edge is the gated sum of its operations (DARTS, Eq. 2)."""

    @property
    def outgoing(self) -> Outgoing:
        return SumOfOperations


class _State:
    """A state (B, C, H, W) in the forms that operations read it in, each made once."""

    def __init__(self, x: Tensor, draw: Generator | None, apart: bool) -> None:
        self.x, self.draw, self.apart = x, draw, apart
        self._made: dict[tuple[str, int], Tensor] = {}

    def rectified(self, layout: str = "image", copies: int = 1) -> Tensor:
        """max(x, 0) as the "image", its "phases" (4 B, C, H/2, W/2), or its "even" or "odd" pixels, those whose row
        and column are so (B, C, H/2, W/2); the channels repeated `copies` times."""
        key = layout, copies
        if key not in self._made:
            if copies > 1:
                self._made[key] = _Repeated.apply(self.rectified(layout), copies)
            elif layout == "image":
                self._made[key] = torch.relu(self.x)
            elif layout == "phases":
                self._made[key] = Phases.apply(self.rectified())
            else:
                self._made[key] = every_other(self.rectified(), start=("even", "odd").index(layout))
        return self._made[key]

    def layout_for(self, convolution: nn.Conv2d) -> str:
        """In which layout a convolution has neither stride nor dilation; "image" where it keeps those it has."""
        dilated, pointwise = convolution.dilation[0] == 2, convolution.kernel_size == (1, 1)
        if convolution.stride[0] == 2:
            return "even" if dilated or pointwise else "image"
        height, width = self.x.shape[2:]
        on_phases = dilated and self.x.device.type == "cpu" and height % 2 == width % 2 == 0
        return "phases" if on_phases else "image"


class _Sums:
    """Totals of what lies on the same edges, in the layout that it lies in."""

    def __init__(self) -> None:
        self._totals: dict[tuple[Places, str], Tensor] = {}

    def add(self, places: Places, layout: str, y: Tensor) -> None:
        """`y` is (B, edges * C, H, W), a tensor that nothing else reads or writes."""
        key = places, layout
        self._totals[key] = self._totals[key].add_(y) if key in self._totals else y

    def by_edges(self) -> Iterator[tuple[Places, Tensor]]:
        for places, layout in [key for key in self._totals if key[1] == "phases"]:
            self.add(places, "image", Image.apply(self._totals.pop((places, layout))))
        for (places, _), total in self._totals.items():
            yield places, total


def _fused_form(modules: Sequence[nn.Module]) -> nn.Module:
    """How a candidate that is on several edges, with tensors of its own on each, is computed there."""
    first = modules[0]
    if isinstance(first, FactorizedReduce):
        return StackedReduce(modules)
    return StackedChain(modules) if type(first) is Rectified and _is_chain(list(first)) else Own(modules)


def _is_chain(layers: list[nn.Module]) -> bool:
    """Whether `StackedChain` computes it: begins with a convolution and ends with a batch norm, none of these affine;
    convolutions keep the size (but for the first one's stride) and the channels, all at once or one by one; only the
    first is dilated, and then the others are pointwise; what is rectified goes to a convolution."""
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    first, others = layers[0], convolutions[1:]
    rectified = [after for before, after in pairwise(layers) if isinstance(before, nn.ReLU)]
    return (
        isinstance(first, nn.Conv2d)
        and layers[-1] in norms
        and all(layer in convolutions for layer in rectified)
        and all(isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.ReLU) for layer in layers)
        and all(c.in_channels == c.out_channels and c.groups in (1, c.in_channels) for c in convolutions)
        and all(c.padding[0] == c.dilation[0] * (c.kernel_size[0] // 2) for c in convolutions)
        and all(c.stride == c.dilation == (1, 1) for c in others)
        and first.dilation[0] in (1, 2)
        and (first.dilation == (1, 1) or all(c.kernel_size == (1, 1) for c in others))
        and not any(norm.affine for norm in norms)
    )


class Own(nn.Module):
    """The candidate as it is, edge by edge."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.own = nn.ModuleList(modules)

    def forward(self, state: _State, gate: Tensor, places: Places, sums: _Sums) -> None:
        for place, module, weight in zip(places, self.own, gate.chunk(len(places)), strict=True):
            sums.add((place,), "image", apply(module, state.x, state.draw) * weight[:, None, None])

    def pieces(self, index: int) -> Iterator[tuple[str, Tensor]]:
        return named_tensors(self.own[index])


class Stack(nn.Module):
    """A candidate on several edges: the first edge's module, with the tensors of all edges stacked in it."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.copies = len(modules)
        self.template = modules[0]
        for owners in zip(*(module.modules() for module in modules), strict=True):
            first = owners[0]
            for name in [name for name, _ in first.named_parameters(recurse=False)]:
                stacked = torch.cat([getattr(owner, name).detach() for owner in owners])
                setattr(first, name, nn.Parameter(stacked))
            for name in [name for name, buffer in first.named_buffers(recurse=False) if buffer.dim() > 0]:
                setattr(first, name, torch.cat([getattr(owner, name) for owner in owners]))

    def forward(self, state: _State, gate: Tensor, places: Places, sums: _Sums) -> None:
        tensors = [*self.tensors(), gate]
        if self.copies == 1 or not state.apart:
            sums.add(places, *self.run(state, tensors, self.copies))
            return
        for place, own in zip(places, zip(*(t.chunk(self.copies) for t in tensors), strict=True), strict=True):
            sums.add((place,), *self.run(state, own, 1))

    def tensors(self) -> list[Tensor]:
        """What `run` reads besides the gates."""
        raise NotImplementedError

    def run(self, state: _State, tensors: Sequence[Tensor], copies: int) -> tuple[str, Tensor]:
        """(layout, contribution) of `copies` edges, given their stacked tensors and, last, their gates by channel."""
        raise NotImplementedError

    def pieces(self, index: int) -> Iterator[tuple[str, Tensor]]:
        for name, tensor in named_tensors(self.template):
            yield name, tensor.chunk(self.copies)[index]


class StackedChain(Stack):
    """ReLU, then convolutions, ReLUs and batch norms, of which the last is gated."""

    def tensors(self) -> list[Tensor]:
        found: list[Any] = []
        for layer in cast(nn.Sequential, self.template):
            if isinstance(layer, nn.Conv2d):
                found += [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
            elif isinstance(layer, nn.BatchNorm2d):
                found += [layer.running_mean, layer.running_var]
        return found

    def run(self, state: _State, tensors: Sequence[Tensor], copies: int) -> tuple[str, Tensor]:
        layers = list(cast(nn.Sequential, self.template))
        first = cast(nn.Conv2d, layers[0])
        supply, gate = iter(tensors[:-1]), tensors[-1]
        layout = state.layout_for(first)
        y = state.rectified(layout, copies if first.groups > 1 else 1)
        y = _convolve(first, y, supply, groups=1, relaid=layout != "image")
        rectify = False
        for layer in layers[1:]:
            if isinstance(layer, nn.Conv2d):
                y, rectify = _convolve(layer, y, supply, groups=copies, rectify=rectify), False
            elif isinstance(layer, nn.BatchNorm2d):
                y = _normalise(layer, y, supply, gate if layer is layers[-1] else None)
            else:
                rectify = True  # by the next convolution
        return layout if layout == "phases" else "image", y


class StackedReduce(Stack):
    """The skip of stride 2: one convolution on the even pixels and one on the odd ones, side by side; BN, gated."""

    def tensors(self) -> list[Tensor]:
        own = cast(FactorizedReduce, self.template)
        return cast(Any, [own.even.weight, own.odd.weight, own.norm.running_mean, own.norm.running_var])

    def run(self, state: _State, tensors: Sequence[Tensor], copies: int) -> tuple[str, Tensor]:
        even, odd, *statistics, gate = tensors
        halves = [F.conv2d(state.rectified("even"), even), F.conv2d(state.rectified("odd"), odd)]
        if copies > 1:  # the two halves of an edge belong together
            pairs = zip(*(half.chunk(copies, dim=1) for half in halves), strict=True)
            halves = [half for pair in pairs for half in pair]
        norm = cast(FactorizedReduce, self.template).norm
        return "image", _normalise(norm, torch.cat(halves, dim=1), iter(statistics), gate)


def _convolve(
    layer: nn.Conv2d, x: Tensor, supply: Iterator[Tensor], groups: int, relaid: bool = False, rectify: bool = False
) -> Tensor:
    """The layer with stacked tensors, of max(x, 0) if `rectify`; `relaid` images need no stride and no dilation."""
    weight = next(supply)
    bias = None if layer.bias is None else next(supply)
    stride, dilation = (1, 1) if relaid else (layer.stride[0], layer.dilation[0])
    padding = dilation * (layer.kernel_size[0] // 2)
    if layer.groups > 1:
        return depthwise(x, weight, stride, padding, dilation, rectify)
    return F.conv2d(x.relu() if rectify else x, weight, bias, stride, padding, dilation, groups)


def _normalise(layer: nn.BatchNorm2d, x: Tensor, supply: Iterator[Tensor], weight: Tensor | None) -> Tensor:
    momentum = 0.0 if layer.momentum is None else layer.momentum
    mean, variance = next(supply), next(supply)
    if layer.training and few_channels(x):
        return normalised(x, weight, None, mean, variance, momentum, layer.eps)
    # What F.batch_norm ends in, without the workspace that it asks for on the way.
    return torch.native_batch_norm(x, weight, None, mean, variance, layer.training, momentum, layer.eps)[0]


class _Blend(torch.autograd.Function):
    """Several mixtures of the same images: weights (edges, n) and n images (B, C, H, W) to one image for each edge."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, *images: Tensor) -> tuple[Tensor, ...]:
        # The images themselves, not their stack, for what is made here could not be differentiated again.
        ctx.save_for_backward(weights, *(images if ctx.needs_input_grad[0] else ()))
        return _mix(weights, _rows(images), images[0].shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weights, *images = ctx.saved_tensors
        gradient = _rows(gradients)
        of_weights = gradient @ _rows(images).t() if images else None
        return of_weights, *_mix(weights.t(), gradient, gradients[0].shape)


def _rows(images: Sequence[Tensor]) -> Tensor:
    """n images (B, C, H, W) as a matrix (n, B * H * W * C)."""
    stacked = torch.cat([image.contiguous(memory_format=torch.channels_last) for image in images])
    return stacked.permute(0, 2, 3, 1).view(len(images), -1)


def _mix(weights: Tensor, rows: Tensor, shape: torch.Size) -> tuple[Tensor, ...]:
    """weights (m, n) times n images as rows: m images (B, C, H, W)."""
    batch, channels, height, width = shape
    mixed = (weights @ rows).view(-1, batch, height, width, channels)
    return mixed.permute(0, 1, 4, 2, 3).unbind()


class _Repeated(torch.autograd.Function):
    """The channels `copies` times, in the layout of `x`, which Tensor.repeat does not keep."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, copies: int) -> Tensor:
        ctx.copies = copies
        return torch.cat([x] * copies, dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.permute(0, 2, 3, 1).unflatten(3, (ctx.copies, -1)).sum(3).permute(0, 3, 1, 2), None
