"""The truth that the production final networks are held to, arranged as the published code is (DARTS, NAS-Bench-201).

Written from the papers, sharing nothing with spaces/: every edge runs its own module on its state, with a ReLU of its
own, in torch's default layout; drop-path divides and multiplies edge by edge.
"""

from __future__ import annotations

import torch
from torch import nn


def conv_bn(c_in, c_out, k=1, stride=1):
    return [nn.Conv2d(c_in, c_out, k, stride, k // 2, bias=False), nn.BatchNorm2d(c_out)]


def separable(c, k, stride, dilation):
    depthwise = nn.Conv2d(c, c, k, stride, dilation * (k - 1) // 2, dilation, groups=c, bias=False)
    return [nn.ReLU(), depthwise, *conv_bn(c, c)]


class TwoBranches(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.relu = nn.ReLU()
        self.a = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.b = nn.Conv2d(c_in, c_out - c_out // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, x):
        x = self.relu(x)
        return self.bn(torch.cat([self.a(x), self.b(x[:, :, 1:, 1:])], 1))


class NoneOp(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x[:, :, :: self.stride, :: self.stride] * 0.0


def operation(name, c, stride):
    if name == "none":
        return NoneOp(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else TwoBranches(c, c)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, 1, count_include_pad=False)
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, 1)
    kind, k = name[:-4], int(name[-1])
    if kind == "nor_conv":
        return nn.Sequential(nn.ReLU(), *conv_bn(c, c, k, stride))
    if kind == "dil_conv":
        return nn.Sequential(*separable(c, k, stride, 2))
    return nn.Sequential(*separable(c, k, stride, 1), *separable(c, k, 1, 1))


class PlainCell(nn.Module):
    """`masks` holds what drop-path multiplies each edge with, edge by edge, and `keep` is the probability of a 1."""

    def __init__(self, graph, c, preprocess, reduction):
        super().__init__()
        self.graph, self.pre = graph, nn.ModuleList(preprocess)
        self.ops = nn.ModuleList(
            operation(name, c, 2 if reduction and source < graph.inputs else 1)
            for node in graph.nodes
            for name, source in node
        )

    def forward(self, inputs, keep, masks):
        states, k = [pre(x) for pre, x in zip(self.pre, inputs, strict=True)], 0
        for node in self.graph.nodes:
            total = 0
            for _, source in node:
                y = self.ops[k](states[source])
                if masks is not None and not isinstance(self.ops[k], nn.Identity):
                    y = y.div_(keep).mul_(masks[k])
                total, k = total + y, k + 1
            states.append(total)
        return torch.cat([states[i] for i in self.graph.concat], 1)


def masks_of(cells, masks):
    """Cell by cell, of the masks of all edges."""
    return [None] * len(cells) if masks is None else masks.split([len(cell.ops) for cell in cells])


class PlainDartsNetwork(nn.Module):
    """For CIFAR."""

    def __init__(self, genotype, channels, cells, classes, auxiliary=False):
        super().__init__()
        c, c_pp, c_p, c_aux, reduced = channels, 3 * channels, 3 * channels, 0, False
        self.stem = nn.Sequential(*conv_bn(3, 3 * channels, 3))
        self.cells, self.at = nn.ModuleList(), 2 * cells // 3
        for i in range(cells):
            reduction = i in (cells // 3, 2 * cells // 3)
            c = 2 * c if reduction else c
            before = TwoBranches(c_pp, c) if reduced else nn.Sequential(nn.ReLU(), *conv_bn(c_pp, c))
            graph = genotype["reduce" if reduction else "normal"]
            pre = [before, nn.Sequential(nn.ReLU(), *conv_bn(c_p, c))]
            self.cells.append(PlainCell(graph, c, pre, reduction))
            c_pp, c_p, reduced = c_p, c * len(graph.concat), reduction
            c_aux = c_p if i <= self.at else c_aux
        self.auxiliary = None
        if auxiliary:
            self.auxiliary = nn.Sequential(
                nn.ReLU(),
                nn.AvgPool2d(5, 3, 0, count_include_pad=False),
                *conv_bn(c_aux, 128),
                nn.ReLU(),
                nn.Conv2d(128, 768, 2, bias=False),
                nn.BatchNorm2d(768),
                nn.ReLU(),
                nn.Flatten(1),
                nn.Linear(768, classes),
            )
        self.head = nn.Linear(c_p, classes)

    def forward(self, x, keep=1.0, masks=None):
        s0 = s1 = self.stem(x)
        found = None
        for i, (cell, own) in enumerate(zip(self.cells, masks_of(self.cells, masks), strict=True)):
            s0, s1 = s1, cell((s0, s1), keep, own)
            if i == self.at and self.auxiliary is not None and self.training:
                found = self.auxiliary(s1)
        logits = self.head(nn.functional.adaptive_avg_pool2d(s1, 1).flatten(1))
        return logits if found is None else (logits, found)


class PlainResidual(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv_a = nn.Sequential(nn.ReLU(), *conv_bn(c_in, c_out, 3, 2))
        self.conv_b = nn.Sequential(nn.ReLU(), *conv_bn(c_out, c_out, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x):
        return self.shortcut(x) + self.conv_b(self.conv_a(x))


class PlainBenchmarkNetwork(nn.Module):
    """NAS-Bench-201's."""

    def __init__(self, genotype, channels, cells, classes):
        super().__init__()
        self.stem = nn.Sequential(*conv_bn(3, channels, 3))
        self.body = nn.ModuleList()
        for stage in range(3):
            if stage > 0:
                self.body.append(PlainResidual(channels, 2 * channels))
                channels *= 2
            graph = genotype["cell"]
            self.body.extend(PlainCell(graph, channels, [nn.Identity()], False) for _ in range(cells))
        self.last = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.head = nn.Linear(channels, classes)

    def forward(self, x, keep=1.0, masks=None):
        x = self.stem(x)
        cells = [layer for layer in self.body if isinstance(layer, PlainCell)]
        left = iter(masks_of(cells, masks))
        for layer in self.body:
            x = layer((x,), keep, next(left)) if isinstance(layer, PlainCell) else layer(x)
        return self.head(nn.functional.adaptive_avg_pool2d(self.last(x), 1).flatten(1))


def plain_network(genotype, channels, cells, classes, auxiliary=False):
    if genotype.family == "darts":
        return PlainDartsNetwork(genotype, channels, cells, classes, auxiliary)
    return PlainBenchmarkNetwork(genotype, channels, cells, classes)


def copied(network, plain):
    """The plain network with a production one's weights and statistics, which it has in the same order."""
    theirs = [t for t in plain.state_dict().values() if t.is_floating_point()]
    ours = [t for t in network.state_dict().values() if t.is_floating_point()]
    for a, b in zip(ours, theirs, strict=True):
        b.copy_(a)
    return plain
