"""The mobile spaces: chains of inverted residual blocks, against modules in a loop and against printed counts."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from processes import forked, harness
from torch import nn
from toy import standing_of

from harness.core.errors import HarnessError
from harness.core.genotype import Cell, Genotype, parse
from harness.describing.describe import describe
from harness.export import as_python, as_torch_export
from harness.export.untrained import untrained
from methods import METHODS
from methods.derivations.threshold import Threshold
from methods.families import check
from spaces import SPACES
from spaces.counting import count
from spaces.drawing import _rows, svg
from spaces.edges.auxiliary_skip import SumWithAuxiliarySkip
from spaces.edges.single_path import SinglePath
from spaces.edges.sparse import SparseOperations
from spaces.edges.sum import SumOfOperations
from spaces.mobile.plan import MobileMacro, Plan, Stage, _rounded
from spaces.mobile.space import MobileSpace
from spaces.published import PUBLISHED, _chain
from spaces.space import Final

MOBILE, FBNET = SPACES["mobile"], SPACES["mobile-fbnet"]
PUBLISHED_CHAINS = {"ProxylessNAS-GPU": "mobile", "FBNet-C": "mobile-fbnet"}
SKIP = "skip_connect"
CLASSES = 5

# One block that halves, one that is kept, one that only widens, one that is kept.
SMALL_PLAN = Plan(stem=8, first=8, stages=(Stage(8, 2, 2), Stage(16, 2, 1)), features=24)
NAMES = ("mbconv3_3x3", "mbconv1_5x5_g2", "mbconv6_7x7")
SMALL = MobileSpace("small", "", "", {"small": SMALL_PLAN.edges(NAMES)}, Final(24, 1), plan=SMALL_PLAN)
STRIDES = {"cifar": (1, 1), "imagenet": (2, 2)}
"""Of the stem and of the first searched block."""


class PlainBlock(nn.Module):
    def __init__(self, name, c_in, c_out, stride, affine):
        super().__init__()
        expansion, kernel, self.groups = shape(name)
        width = expansion * c_in
        self.shortcut = stride == 1 and c_in == c_out
        if expansion > 1:
            self.widen, self.bn1 = nn.Conv2d(c_in, width, 1, bias=False), nn.BatchNorm2d(width, affine=affine)
        self.depthwise = nn.Conv2d(width, width, kernel, stride, (kernel - 1) // 2, groups=width, bias=False)
        self.bn2 = nn.BatchNorm2d(width, affine=affine)
        self.narrow = nn.Conv2d(width, c_out, 1, groups=self.groups, bias=False)
        self.bn3 = nn.BatchNorm2d(c_out, affine=affine)

    def forward(self, x):
        y = self.bn1(self.widen(x)).clamp(0, 6) if hasattr(self, "widen") else x
        if self.groups > 1:  # channels 0, half, 1, half + 1, ...
            half = y.shape[1] // 2
            y = y[:, [i // 2 + half * (i % 2) for i in range(y.shape[1])]]
        y = self.bn3(self.narrow(self.bn2(self.depthwise(y)).clamp(0, 6)))
        return x + y if self.shortcut else y


def shape(name):
    """Expansion, kernel and groups of mbconv6_5x5 or mbconv1_3x3_g2."""
    expansion, kernel, groups = re.fullmatch(r"mbconv(\d)_(\d)x\2(?:_g(\d))?", name).groups()
    return int(expansion), int(kernel), int(groups or 1)


class PlainReduce(nn.Module):
    """An auxiliary skip where size is not kept."""

    def __init__(self, c_in, c_out):
        super().__init__()
        self.a, self.b = (nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False) for _ in range(2))
        self.bn = nn.BatchNorm2d(c_out, affine=False)

    def forward(self, x):
        x = x.relu()
        return self.bn(torch.cat([self.a(x), self.b(x[:, :, 1:, 1:])], 1))


def plain_operation(name, c_in, c_out, stride):
    if name not in (SKIP, "auxiliary"):
        return PlainBlock(name, c_in, c_out, stride, affine=False)
    if stride == 2:
        return PlainReduce(c_in, c_out)
    if c_in == c_out:
        return nn.Identity()
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out, affine=False))


class PlainSupernet(nn.Module):
    """Of the small space, its widths and strides written out: every operation of every block, times its gate."""

    def __init__(self, stem, more=()):
        super().__init__()
        first, second = STRIDES[stem]
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, first, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.first = PlainBlock("mbconv1_3x3", 8, 8, 1, affine=True)
        blocks = [(8, 8, second), (8, 8, 1), (8, 16, 1), (16, 16, 1)]
        kept = (False, True, False, True)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {name: plain_operation(name, *block) for name in (*NAMES, *((SKIP,) if keeps else ()), *more)}
            )
            for block, keeps in zip(blocks, kept, strict=True)
        )
        self.last = nn.Sequential(nn.Conv2d(16, 24, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU6())
        self.head = nn.Linear(24, CLASSES)

    def forward(self, x, gates):
        x = self.first(self.stem(x))
        for block, row in zip(self.blocks, gates, strict=True):
            x = sum(row[name] * operation(x) for name, operation in block.items())
        return self.head(self.last(x).flatten(2).mean(2))

    def tensors(self):
        """As `Supernet.pieces` names them."""
        named = {"stem": [self.stem, self.first], "last": [self.last], "classifier": [self.head]}
        for number, block in enumerate(self.blocks):
            named |= {f"blocks.{number}.0-1.{name}": [operation] for name, operation in block.items()}
        return {
            name: [t for m in modules for t in m.state_dict(keep_vars=True).values() if t.is_floating_point()]
            for name, modules in named.items()
        }


def pairs(net, plain):
    """(ours, theirs) of every parameter and statistic."""
    left, found = dict(net.pieces()), []
    for prefix, theirs in plain.tensors().items():
        names = [name for name in left if name.startswith(f"{prefix}.")]
        found += [(left.pop(name), tensor) for name, tensor in zip(names, theirs, strict=True)]
    assert not left
    return found


def supernet(outgoing, stem="cifar"):
    torch.manual_seed(0)
    return SMALL.supernet(MobileMacro(24, stem), CLASSES, outgoing).double()


def gates_of(values):
    """The gates, and the same by name for the plain supernet, as leaves of their own."""
    ours = values.clone().requires_grad_()
    theirs = values.clone().requires_grad_()
    return ours, theirs, [dict(zip((*NAMES, SKIP), row, strict=True)) for row in theirs]


SPARSE = torch.tensor([[0.5, 0, 0.2, 0], [0, 0, 0, 2.0], [0, 0.3, 0, 0], [0.1, 0, 0, 0.4]], dtype=torch.float64)
HARD = torch.tensor([[0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]], dtype=torch.float64)
ANY = torch.rand(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize(
    ("outgoing", "values"),
    [(SumOfOperations, ANY), (SparseOperations, SPARSE), (SinglePath, HARD), (SumWithAuxiliarySkip, ANY)],
)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_a_supernet_equals_modules_in_a_loop(outgoing, values, stem, training):
    beta = 0.7 if outgoing is SumWithAuxiliarySkip else 0.0
    net, plain = supernet(outgoing, stem), PlainSupernet(stem, ("auxiliary",) if beta else ()).double()
    for ours, theirs in pairs(net, plain):
        theirs.data.copy_(ours)
    ours, theirs, named = gates_of(values)
    given = torch.cat([ours, torch.full((4, 1), beta, dtype=torch.float64)], 1) if beta else ours
    x, y = torch.randn(4, 3, 8, 8, dtype=torch.float64), torch.arange(4)
    out = net.train(training)(x, given, None)
    expected = plain.train(training)(x, [row | {"auxiliary": beta} for row in named])
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    F.cross_entropy(out, y).backward()
    F.cross_entropy(expected, y).backward()
    ran = values != 0 if outgoing in (SparseOperations, SinglePath) else torch.ones_like(values, dtype=torch.bool)
    ran = ran & torch.tensor([[True] * 3 + [SKIP in edge.operations] for edge in SMALL.edges])
    torch.testing.assert_close(ours.grad[ran], theirs.grad[ran], rtol=1e-8, atol=1e-12)
    assert (ours.grad[ran] != 0).all()
    weight, other = net.stem[0].weight, plain.stem[0].weight
    torch.testing.assert_close(weight.grad, other.grad, rtol=1e-8, atol=1e-12)
    if outgoing is SumOfOperations:
        for ours, theirs in pairs(net, plain):  # the statistics
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_under_gates_that_add_up_to_1_a_block_is_its_input_and_the_gated_rest():
    """ProxylessNAS's mixed block: x + sum_o g_o o(x), where the skip's o is zero."""
    net = supernet(SumOfOperations)
    x = torch.randn(2, 8, 4, 4, dtype=torch.float64)
    row = torch.tensor([[0.1, 0.2, 0.3, 0.4]], dtype=torch.float64)
    operations = [form.own[0] for form in net.blocks[1].leaving[0].forms.values()]
    rest = sum(gate * operation.layers(x) for gate, operation in zip(row[0], operations, strict=False))
    torch.testing.assert_close(net.blocks[1]([x], row, None)[-1], x + rest)


def test_a_sparse_block_without_an_operation_gives_zeros_of_its_own_width():
    net = supernet(SparseOperations)
    rows = SparseOperations.prepare(torch.zeros(1, 4, dtype=torch.float64))
    y = net.blocks[2]([torch.ones(2, 8, 4, 4, dtype=torch.float64)], rows, None)[-1]
    assert torch.equal(y, torch.zeros(2, 16, 4, 4, dtype=torch.float64))


def test_a_final_network_is_the_supernet_with_one_operation_on_every_block():
    net = supernet(SinglePath)
    genotype = SMALL.derive(HARD.tolist())
    network = SMALL.network(genotype, 24, 1, CLASSES).double()
    state, pieces = network.state_dict(), dict(net.pieces())
    chosen = [name for name, _ in genotype["small"].edges]
    for name, tensor in state.items():
        number = re.match(r"blocks\.(\d+)\.(.*)", name)
        piece = f"blocks.{number[1]}.0-1.{chosen[int(number[1])]}.{number[2]}" if number else name
        if piece in pieces:
            tensor.copy_(pieces[piece])
        else:  # an affine batch norm, as it begins, and what only counts
            assert name.endswith("num_batches_tracked") or set(tensor.unique().tolist()) <= {0.0, 1.0}
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    for training in (True, False):
        torch.testing.assert_close(network.train(training)(x), net.train(training)(x, HARD, None))


def test_drop_path_drops_what_a_block_adds_and_nothing_else():
    genotype = SMALL.decode([0, 0, 0, 0])  # all but block 2, which widens, add to their input
    torch.manual_seed(0)
    network = SMALL.network(genotype, 24, 1, CLASSES)
    x = torch.randn(6, 3, 8, 8)
    factors = (torch.rand(4, 6, 1, 1, 1, generator=torch.Generator().manual_seed(3)) < 0.5) / 0.5
    y = network.stem(x)
    for number, block in enumerate(network.blocks):
        y = y + factors[number] * block.layers(y) if number != 2 else block.layers(y)
    expected = network.classifier(network.last(y))
    torch.testing.assert_close(network(x, 0.5, torch.Generator().manual_seed(3)), expected)
    assert not torch.allclose(network(x), expected)


# What is printed.


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        # logs/imagenet_gpu_log.txt of mit-han-lab/proxylessnas: 7.12M, 465.3M; pytorchcv's count is 7119848
        ("ProxylessNAS-GPU", 7_119_848, 465_260_160),
        # of the released list of blocks; the paper prints 5.5M and 375M
        ("FBNet-C", 5_570_664, 378_136_224),
    ],
)
def test_published_networks_have_the_published_size(name, parameters, macs):
    space, genotype = SPACES[PUBLISHED_CHAINS[name]], PUBLISHED[name].genotype
    with torch.device("meta"):
        network = space.network(genotype, space.imagenet.channels, space.imagenet.cells, 1000, "imagenet")
    found = count(network, 224)
    assert (found.parameters, found.macs) == (parameters, macs)
    assert parse(str(genotype)) == genotype


def test_widths_are_rounded_as_published():
    """ProxylessNAS-CPU is 1.12 times as wide, where rounding to 8 matters most (pytorchcv proxylessnas.py)."""
    plan = MOBILE.plan.at(1432, "imagenet")
    assert (plan.stem, plan.first, plan.features) == (40, 24, 1432)
    assert [stage.channels for stage in plan.stages] == [32, 48, 88, 104, 216, 360]
    blocks = "6_3x3 3_3x3 3_3x3 3_3x3 6_3x3 3_3x3 3_3x3 3_5x5 6_3x3 - - 3_3x3 6_5x5 3_3x3 3_3x3 3_3x3 6_5x5 3_5x5 "
    genotype = parse(_chain("mobile", blocks + "3_5x5 3_3x3 6_5x5"))
    with torch.device("meta"):
        assert count(MOBILE.network(genotype, 1432, 1, 1000, "imagenet"), 224).parameters == 4_361_648
    wider = MOBILE.plan.at(1728, "imagenet")
    assert (wider.stem, wider.first) == (40, 24)
    assert [stage.channels for stage in wider.stages] == [32, 56, 112, 128, 256, 432]
    assert [_rounded(channels, 1, 1) for channels in (1, 11, 12, 20)] == [8, 16, 16, 24]


def test_blocks_that_change_size_or_channels_cannot_be_skipped():
    assert [edge.source for edge in MOBILE.edges if SKIP not in edge.operations] == [0, 4, 8, 12, 16, 20]
    assert [edge.source for edge in FBNET.edges if SKIP not in edge.operations] == [1, 5, 9, 13, 17, 21]
    assert (MOBILE.dimension, FBNET.dimension) == (6 * 6 + 15 * 7, 6 * 8 + 16 * 9)
    assert all(edge.target == edge.source + 1 for space in (MOBILE, FBNET) for edge in space.edges)


@pytest.mark.parametrize("space", [MOBILE, FBNET])
@pytest.mark.parametrize(("stem", "side"), [("cifar", 32), ("imagenet", 128)])
def test_both_stems_end_with_maps_of_4x4(space, stem, side):
    macro = dataclasses.replace(space.macro(), channels=8, stem=stem)
    with torch.device("meta"):
        network = space.network(space.decode([0] * len(space.edges)), 8, 1, 10, stem)
        x = network.stem(torch.empty(1, 3, side, side))
        for block in network.blocks:
            x = block(x)
    assert x.shape[2:] == (4, 4)
    assert space.divisor(macro) == side // 4


# Genotypes.


def test_every_block_has_its_most_probable_operation_and_the_first_of_equals():
    rows = [[0.1, 0.8, 0.1], [0.2, 0.2, 0.2, 0.4], [0.5, 0.5, 0.0], [0.3, 0.1, 0.3, 0.3]]
    genotype = SMALL.derive(rows)
    assert genotype == Genotype((("small", Cell(1, chain(NAMES[1], SKIP, NAMES[0], NAMES[0]), (4,))),))
    assert genotype == SMALL.decode([1, 3, 0, 0])
    assert SMALL.choices == ((3,), (4,), (3,), (4,))


def chain(*names):
    return tuple(((name, state),) for state, name in enumerate(names))


def test_derivations_of_methods_leave_a_chain_whole():
    """FairDARTS leaves out an edge whose operations are weak; a chain would have no output."""
    weak = [[0.1, 0.2, *[0.1] * (len(edge.operations) - 2)] for edge in SMALL.edges]
    genotype = Threshold().derive(standing_of(SMALL, weak))
    assert [name for name, _ in genotype["small"].edges] == [NAMES[1]] * 4


@pytest.mark.parametrize(
    ("nodes", "size", "message"),
    [
        (chain(NAMES[0], SKIP, NAMES[0]), {}, "a chain of small is 4 blocks, each of which reads the one before"),
        ((*chain(NAMES[0], SKIP, NAMES[0]), ((SKIP, 1),)), {}, "a chain of small is 4 blocks"),
        (chain(SKIP, SKIP, NAMES[0], SKIP), {}, "block 1 of small changes size or channels and cannot be skipped"),
        (chain("sep_conv_3x3", SKIP, NAMES[0], SKIP), {}, "unknown block 'sep_conv_3x3'"),
        (chain(NAMES[0], SKIP, NAMES[0], SKIP), {"cells": 3}, "one chain of blocks, and 3 are asked for; set 1"),
        (chain(NAMES[0], SKIP, NAMES[0], SKIP), {"auxiliary": True}, "has no auxiliary head"),
        (chain(NAMES[0], SKIP, NAMES[0], SKIP), {"stem": "tiny"}, "unknown stem 'tiny'"),
    ],
)
def test_what_is_no_network_of_the_space_is_refused_in_a_sentence(nodes, size, message):
    genotype = Genotype((("small", Cell(1, nodes, (len(nodes),))),))
    with pytest.raises(HarnessError, match=re.escape(message)):
        SMALL.network(genotype, **{"channels": 24, "cells": 1, "classes": 5} | size)
    with pytest.raises(HarnessError, match="is no chain of mobile"):
        MOBILE.network(genotype, 24, 1, 5)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("pc-darts", "the edge 1 <- 0 of mobile does not let them: it changes how many there are"),
        ("drnas", "changes how many there are"),
        ("mergenas-1st", "the edge 1 <- 0 of mobile has no sep_conv_3x3"),
        ("p-darts", "P-DARTS adds cells from stage to stage, and a supernet of mobile has one."),
    ],
)
def test_methods_that_need_cells_say_so(method, message):
    with pytest.raises(HarnessError, match=re.escape(message)):
        check(METHODS[method].composition, MOBILE)


def test_a_chain_is_drawn_in_rows():
    genotype = PUBLISHED["FBNet-C"].genotype
    rows = _rows(genotype["fbnet"])
    states = [[item.text for column in row.columns for item in column if item.fill] for row in rows]
    assert states[0] == ["0", "1", "2", "3", "4", "5", "6"]
    assert states[-1] == ["18", "19", "20", "21", "22"]
    labels = [item.text for row in rows for column in row.columns for item in column if item.text and not item.fill]
    assert labels[:3] == ["MB1 3×3", "MB6 3×3", "skip"]
    assert len(labels) == 22
    fills = [item.fill for row in rows for column in row.columns for item in column if item.fill]
    assert fills.count(fills[0]) == fills.count(fills[-1]) == 1  # input and output, once each
    width, height = map(float, re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg(genotype)).groups())
    assert height < width < 1000


# Commands.


@pytest.mark.parametrize("name", PUBLISHED_CHAINS)
@pytest.mark.parametrize("recipe", ["cifar", "imagenet"])
def test_a_chain_is_exported_as_python(name, recipe, tmp_path):
    model = untrained(PUBLISHED[name].genotype, recipe, ["size=1x64"], 7)
    out = tmp_path / "chain.py"
    for path, content in as_python.files(model, out).items():
        path.write_bytes(content)
    spec = importlib.util.spec_from_file_location("chain", out)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(module.load()(x), model.network()(x))


def test_describe_counts_a_chain_for_cifar_and_imagenet():
    found = describe("FBNet-C", classes=10)
    assert found.facts["imagenet_parameters"] == 5_570_664
    assert "ImageNet: 22 blocks, 1984 channels in the last convolution, 1,000 classes  5,570,664" in str(found)


def test_a_chain_is_trained_on_an_image_folder(tmp_path):
    for part, many in (("train", 6), ("val", 2)):
        for label in ("bear", "cat"):
            folder = tmp_path / "pets" / part / label
            folder.mkdir(parents=True)
            for number in range(many):
                Image.new("RGB", (40, 36), (40 * number, 90, 200 if label == "cat" else 20)).save(
                    folder / f"{number}.png"
                )
    arguments = ["evaluate", "ProxylessNAS-GPU", "--dataset", str(tmp_path / "pets"), "--recipe", "imagenet"]
    more = ["--protocol", "smoke", "--set", "batch=4", "--device", "cpu", "--results", str(tmp_path / "results")]
    ended = forked(harness([*arguments, *more, "--workers", "0", "--json"]))
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert (found["size"], found["recipe"], found["epochs"]) == ("1x8", "imagenet", 6)
    assert "21 blocks, 8 channels in the last convolution, 2 classes, imagenet stem" in found["how"]["parameters"]
    assert 0 <= found["test_error_last"] <= 100


def test_a_chain_is_exported_as_a_graph_for_any_batch(tmp_path):
    model = untrained(PUBLISHED["FBNet-C"].genotype, "cifar", ["size=1x8"], 3)
    graph = as_torch_export.trace(model).module()
    x = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(graph(x), model.network()(x), atol=1e-6, rtol=0)
