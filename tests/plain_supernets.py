"""The truth that the production supernets are held to: one module per operation, arranged as the published code is.

Written from the spec, sharing nothing with spaces.operations or spaces.supernet: every mixed edge evaluates every
operation on its own, nothing is shared between edges, and the gated outputs are added up.
"""

from __future__ import annotations

import torch
from torch import nn


def bn(channels):
    return nn.BatchNorm2d(channels, affine=False)


class Plain(nn.Sequential):
    pass


class TwoBranches(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.a = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.b = nn.Conv2d(c_in, c_out - c_out // 2, 1, stride=2, bias=False)
        self.bn = bn(c_out)

    def forward(self, x):
        x = x.clamp(min=0)
        return self.bn(torch.cat([self.a(x), self.b(x[:, :, 1:, 1:])], 1))


class NoneOp(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x[:, :, :: self.stride, :: self.stride] * 0.0


class NoiseOp(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        shape = x[:, :, :: self.stride, :: self.stride].shape
        return torch.randn(shape, dtype=x.dtype, device=x.device)


def depthwise(c, k, stride, dilation):
    return nn.Conv2d(c, c, k, stride, dilation * (k - 1) // 2, dilation, groups=c, bias=False)


def operation(name, c, stride, benchmark):
    if name == "none":
        return NoneOp(stride)
    if name == "noise":
        return NoiseOp(stride)
    if name in ("skip_connect", "auxiliary", "permanent"):  # DARTS-'s on every edge, and DARTS-Bench-Suite's
        return nn.Identity() if stride == 1 else TwoBranches(c, c)
    if name == "avg_pool_3x3":
        pool = nn.AvgPool2d(3, stride, 1, count_include_pad=False)
        return pool if benchmark else nn.Sequential(pool, bn(c))
    if name == "max_pool_3x3":
        return nn.Sequential(nn.MaxPool2d(3, stride, 1), bn(c))
    kind, size = name[:-4], int(name[-1])
    if kind == "nor_conv":
        return nn.Sequential(nn.ReLU(), nn.Conv2d(c, c, size, padding=size // 2), bn(c))
    if kind == "dil_conv":
        return nn.Sequential(nn.ReLU(), depthwise(c, size, stride, 2), nn.Conv2d(c, c, 1, bias=False), bn(c))
    return nn.Sequential(
        nn.ReLU(),
        depthwise(c, size, stride, 1),
        nn.Conv2d(c, c, 1, bias=False),
        bn(c),
        nn.ReLU(),
        depthwise(c, size, 1, 1),
        nn.Conv2d(c, c, 1, bias=False),
        bn(c),
    )


class MixedEdge(nn.Module):
    def __init__(self, names, c, stride, benchmark):
        super().__init__()
        self.ops = nn.ModuleDict({name: operation(name, c, stride, benchmark) for name in names})

    def forward(self, x, gates):
        return sum(gate * op(x) for gate, op in zip(gates, self.ops.values(), strict=False))


class PartialEdge(nn.Module):
    """PC-DARTS's: the first of `shares` parts of the channels through the operations, the others past them, shuffled.
    Row r of the gates is softmax(alpha) times the edge's own weight. Channels that are missing to a multiple of
    `shares` are made up, and taken out again."""

    shares = 4

    def __init__(self, names, c, stride, benchmark):
        super().__init__()
        self.stride = stride
        self.ops = nn.ModuleDict({name: operation(name, c // self.shares, stride, benchmark) for name in names})

    def forward(self, x, gates):
        quarter = x.shape[1] // self.shares
        weight = gates.sum()
        inside, outside = x[:, :quarter], x[:, quarter:]
        mixed = sum(gate / weight * op(inside) for gate, op in zip(gates, self.ops.values(), strict=False))
        outside = nn.functional.max_pool2d(outside, 2, 2) if self.stride == 2 else outside
        whole = torch.cat([mixed, outside], 1)
        batch, channels, height, width = whole.shape
        missing = -channels % self.shares
        nowhere = whole.new_full((batch, missing, height, width), torch.nan)
        grouped = torch.cat([whole, nowhere], 1).view(batch, self.shares, -1, height, width)
        shuffled = grouped.transpose(1, 2).reshape(batch, channels + missing, height, width)
        return weight * shuffled[:, ~shuffled[0, :, 0, 0].isnan()]


class EdgeAndSkip(nn.Module):
    """An edge of DARTS-Bench-Suite's all-skip benchmarks: the mixed one, and a skip that is always there."""

    def __init__(self, edge, c, stride):
        super().__init__()
        self.edge, self.ops = edge, nn.ModuleDict({**edge.ops, "permanent": operation("permanent", c, stride, False)})

    def forward(self, x, gates):
        return self.edge(x, gates) + self.ops["permanent"](x)


class PlainDartsCell(nn.Module):
    """The last four of its nodes are its output."""

    def __init__(self, space, kind, c_pp, c_p, c, previous_reduced, mixed):
        super().__init__()
        self.pre0 = (
            TwoBranches(c_pp, c)
            if previous_reduced
            else nn.Sequential(nn.ReLU(), nn.Conv2d(c_pp, c, 1, bias=False), bn(c))
        )
        self.pre1 = nn.Sequential(nn.ReLU(), nn.Conv2d(c_p, c, 1, bias=False), bn(c))
        self.edges = nn.ModuleDict()
        for edge in space.cells[kind]:
            stride = 2 if kind == "reduce" and edge.source < 2 else 1
            own = mixed(edge.operations, c, stride, False)
            own = EdgeAndSkip(own, c, stride) if "all-skip" in space.name else own
            self.edges[f"{edge.source}>{edge.target}"] = own
        self.last = max(edge.target for edge in space.cells[kind])

    def forward(self, s0, s1, gates):
        states, row = [self.pre0(s0), self.pre1(s1)], 0
        for node in range(2, self.last + 1):
            total = 0
            for j in range(node):
                total = total + self.edges[f"{j}>{node}"](states[j], gates[row])
                row += 1
            states.append(total)
        return torch.cat(states[-4:], 1)


class PlainDarts(nn.Module):
    def __init__(self, space, channels, cells, classes, mixed):
        super().__init__()
        stem = 3 * channels
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, padding=1, bias=False), nn.BatchNorm2d(stem))
        c_pp = c_p = stem
        c, reduced = channels, False
        self.cells, self.kinds = nn.ModuleList(), []
        for i in range(cells):
            kind = "reduce" if i in (cells // 3, 2 * cells // 3) else "normal"
            c = 2 * c if kind == "reduce" else c
            self.cells.append(PlainDartsCell(space, kind, c_pp, c_p, c, reduced, mixed))
            self.kinds.append(kind)
            c_pp, c_p, reduced = c_p, 4 * c, kind == "reduce"
        self.head = nn.Linear(c_p, classes)

    def forward(self, x, gates):
        rows = {"normal": gates[:14], "reduce": gates[14:] if "normal" in self.kinds else gates}
        s0 = s1 = self.stem(x)
        for kind, cell in zip(self.kinds, self.cells, strict=True):
            s0, s1 = s1, cell(s0, s1, rows[kind])
        return self.head(nn.functional.adaptive_avg_pool2d(s1, 1).flatten(1))


class PlainBenchmarkCell(nn.Module):
    def __init__(self, space, c, mixed):
        super().__init__()
        self.edges = nn.ModuleDict(
            {f"{e.source}>{e.target}": mixed(e.operations, c, 1, True) for e in space.cells["cell"]}
        )

    def forward(self, x, gates):
        states, row = [x], 0
        for node in range(1, 4):
            total = 0
            for j in range(node):
                total = total + self.edges[f"{j}>{node}"](states[j], gates[row])
                row += 1
            states.append(total)
        return states[-1]


class PlainResidual(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv_a = nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 3, 2, 1, bias=False), nn.BatchNorm2d(c_out))
        self.conv_b = nn.Sequential(nn.ReLU(), nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False), nn.BatchNorm2d(c_out))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x):
        return self.shortcut(x) + self.conv_b(self.conv_a(x))


class PlainBenchmark(nn.Module):
    """NAS-Bench-201's."""

    def __init__(self, space, channels, cells, classes, mixed):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        widths = [channels, 2 * channels, 4 * channels]
        self.cells = nn.ModuleList(PlainBenchmarkCell(space, c, mixed) for c in widths for _ in range(cells))
        self.residuals = nn.ModuleList([PlainResidual(widths[0], widths[1]), PlainResidual(widths[1], widths[2])])
        self.bn = nn.BatchNorm2d(widths[2])
        self.head = nn.Linear(widths[2], classes)

    def forward(self, x, gates):
        x, per_stage = self.stem(x), len(self.cells) // 3
        for i, cell in enumerate(self.cells):
            if i and i % per_stage == 0:
                x = self.residuals[i // per_stage - 1](x)
            x = cell(x, gates)
        return self.head(nn.functional.adaptive_avg_pool2d(self.bn(x).relu(), 1).flatten(1))


def plain_supernet(space, channels, cells, classes, mixed=MixedEdge):
    build = PlainBenchmark if "cell" in space.cells else PlainDarts
    return build(space, channels, cells, classes, mixed)


def hold_to_plain(net, plain, gates, plain_gates, size=8, classes=5):
    """Logits, gradients of the weights and statistics of a supernet equal a plain one's, to 1e-9 in float64. Their own
    gates have gradients afterwards; what the nets hold is of no use any more."""
    for ours, theirs in matching_tensors(net, plain):
        theirs.data.copy_(ours)
    x, y = torch.randn(4, 3, size, size, dtype=torch.float64), torch.arange(4) % classes
    out, expected = net(x, gates), plain(x, plain_gates)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    nn.functional.cross_entropy(out, y).backward()
    nn.functional.cross_entropy(expected, y).backward()
    for ours, theirs in matching_tensors(net, plain):  # the statistics, after a forward
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    for ours in net.parameters():  # from here on it holds its gradients
        ours.data = ours.grad
    for ours, theirs in matching_tensors(net, plain):
        if theirs.grad is not None:
            torch.testing.assert_close(ours, theirs.grad, rtol=1e-9, atol=1e-12)


def matching_tensors(production, plain):
    """Pairs of parameters or statistics that mean the same: (production's, plain's)."""
    if isinstance(plain, PlainDarts):
        modules = {"stem.layers": plain.stem, "classifier": plain.head}
        for i, cell in enumerate(plain.cells):
            modules |= {f"cells.{i}.preprocess0": cell.pre0, f"cells.{i}.preprocess1": cell.pre1}
        cells = {f"cells.{i}": cell for i, cell in enumerate(plain.cells)}
    else:
        modules = {"stem": plain.stem, "norm": plain.bn, "classifier": plain.head}
        for i, residual in enumerate(plain.residuals):
            modules |= {f"reductions.{i}.first": residual.conv_a, f"reductions.{i}.second": residual.conv_b}
            modules |= {f"reductions.{i}.shortcut": residual.shortcut}
        per_stage = len(plain.cells) // 3
        cells = {f"stages.{i // per_stage}.{i % per_stage}": cell for i, cell in enumerate(plain.cells)}
    for cell, other in cells.items():
        for edge, mixed in other.edges.items():
            for name, operation in mixed.ops.items():
                modules[f"{cell}.graph.{edge.replace('>', '-')}.{name}"] = operation
    left = dict(production.pieces())
    pairs = []
    for prefix, module in modules.items():
        theirs = [tensor for tensor in module.state_dict(keep_vars=True).values() if tensor.is_floating_point()]
        names = [name for name in left if name.startswith(f"{prefix}.")]
        pairs += [(left.pop(name), tensor) for name, tensor in zip(names, theirs, strict=True)]
    assert not left
    return pairs
