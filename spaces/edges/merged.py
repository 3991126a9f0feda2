"""The merged edge: the four convolutions of an edge share one kernel (MergeNAS; ZARTS operations.py:134-233).

A depthwise kernel W (C, 1, 9, 9) holds the taps of all four: a 3x3 or 5x5 kernel, dilated by 1 or 2, is W under a mask.
With the gates p,

    K = W * (p_sep3 M_sep3 + p_sep5 M_sep5 + p_dil3 M_dil3 + p_dil5 M_dil5),

the convolutions of the edge are together the one block BN(pointwise(depthwise_K(ReLU x))): separable convolutions are
not doubled in search. Because of the batch norm a common factor of the four gates has no effect. The other operations
are added with their gates, as in the sum of operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from harness.core.errors import HarnessError
from spaces.cells import Edge
from spaces.edges.edge import EdgePart
from spaces.operations import State, evaluate, norm
from spaces.space import Space
from spaces.supernet import POOLS, Build, Outgoing, named_tensors

SIDE = 9
MERGED = {"sep_conv_3x3": (3, 1), "sep_conv_5x5": (5, 1), "dil_conv_3x3": (3, 2), "dil_conv_5x5": (5, 2)}
"""What is merged: kernel size and dilation."""


def mask(kernel: int, dilation: int) -> Tensor:
    """(9, 9): 1 at the taps of a centred kernel, 0 elsewhere."""
    reach, centre = dilation * (kernel // 2), SIDE // 2
    taps = torch.zeros(SIDE)
    taps[centre - reach : centre + reach + 1 : dilation] = 1
    return torch.outer(taps, taps)


@lru_cache
def _masks(names: tuple[str, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """(operations, 9, 9)"""
    return torch.stack([mask(*MERGED[name]) for name in names]).to(device, dtype)


class MergedConvolution(nn.Module):
    """The convolutions `names` of one edge, in one."""

    def __init__(self, names: tuple[str, ...], channels: int, stride: int) -> None:
        super().__init__()
        self.names, self.stride = names, stride
        self.weight = nn.Parameter(torch.empty(channels, 1, SIDE, SIDE))
        nn.init.kaiming_normal_(self.weight)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = norm(channels, affine=False)

    def kernel(self, gates: Tensor) -> Tensor:
        """K (C, 1, 9, 9) for one gate per convolution."""
        masks = _masks(self.names, self.weight.device, self.weight.dtype)
        return self.weight * torch.tensordot(gates, masks, dims=1)

    def forward(self, rectified: Tensor, gates: Tensor) -> Tensor:
        channels = len(self.weight)
        y = F.conv2d(rectified, self.kernel(gates), stride=self.stride, padding=SIDE // 2, groups=channels)
        return self.norm(self.pointwise(y))


class MergedOperations(nn.Module):
    """What leaves one state of a cell: each edge one merged convolution and the gated sum of its other operations."""

    repeats = True

    def __init__(self, edges: Sequence[tuple[int, Edge]], channels: int, stride: int, build: Build) -> None:
        super().__init__()
        self.edges = edges
        self.others = [[name for name in edge.operations if name not in MERGED] for _, edge in edges]
        pools = [name for name in POOLS if any(name in others for others in self.others)]
        self.shared = nn.ModuleDict({name: build(name, channels, stride) for name in pools})
        self.own = nn.ModuleList(
            nn.ModuleDict({name: build(name, channels, stride) for name in others if name not in POOLS})
            for others in self.others
        )
        self.merged = nn.ModuleList()
        for _, edge in edges:
            names = tuple(name for name in edge.operations if name in MERGED)
            self.merged.append(MergedConvolution(names, channels, stride) if names else nn.Identity())

    @staticmethod
    def prepare(gates: Tensor) -> Sequence[Sequence[Tensor]]:
        """One scalar per operation and edge."""
        return [row.unbind() for row in gates.unbind()]

    def forward(
        self, x: Tensor, gates: Sequence[Sequence[Tensor]], draw: Generator | None
    ) -> Iterator[tuple[int, Tensor]]:
        state = State(x)
        shared = {name: pool(x) for name, pool in self.shared.items()}
        for (row, edge), others, own, merged in zip(self.edges, self.others, self.own, self.merged, strict=True):
            gate = dict(zip(edge.operations, gates[row], strict=False))
            total = None
            if isinstance(merged, MergedConvolution):
                total = merged(state.rectified, torch.stack([gate[name] for name in merged.names]))
            for name in others:
                if name == "none" and len(edge.operations) > 1:
                    continue  # zero whatever its gate
                y = shared[name] if name in shared else evaluate(cast(nn.ModuleDict, own)[name], state, draw)
                total = y * gate[name] if total is None else torch.addcmul(total, y, gate[name])
            assert total is not None
            yield edge.target, total

    def pieces(self) -> Iterator[tuple[str, Tensor]]:
        for (_, edge), others, own, merged in zip(self.edges, self.others, self.own, self.merged, strict=True):
            modules = {
                name: self.shared[name] if name in self.shared else cast(nn.ModuleDict, own)[name] for name in others
            }
            for operation, module in {"merged": merged, **modules}.items():
                for name, tensor in named_tensors(module):
                    yield f"{edge.source}-{edge.target}.{operation}.{name}", tensor


@dataclass(frozen=True)
class MergedEdge(EdgePart):
    """The four convolutions of an edge share one 9x9 kernel."""

    @property
    def outgoing(self) -> Outgoing:
        return MergedOperations

    def check(self, space: Space) -> None:
        """Raises HarnessError for a space where an edge lacks one of the four."""
        for edge in space.edges:
            for name in MERGED:
                if name not in edge.operations:
                    raise HarnessError(
                        f"a merged edge shares one kernel among {', '.join(MERGED)}; the edge {edge.target} <- "
                        f"{edge.source} of {space.name} has no {name}. Use the space darts or darts-none."
                    )
