"""DARTS-Bench-Suite's spaces: nine sizes against independent counts, and what becomes of the permanent skips."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache

import pytest
import torch
from plain_supernets import matching_tensors, operation, plain_supernet
from torch import nn

from harness.core.errors import HarnessError
from harness.core.genotype import from_darts, parse, to_darts
from harness.export.as_python import source
from harness.export.untrained import untrained
from harness.notations import WRITERS, write
from methods.catalogue import CATALOGUE
from methods.families import applies, resolve
from reports.parameters import parameters
from spaces import SPACES
from spaces.darts.bench import BENCH_SUITE
from spaces.drawing import svg
from spaces.edges.merged import MergedOperations
from spaces.edges.sum import SumOfOperations
from spaces.operations import State
from spaces.relations import space_of

NAMES = [space.name for space in BENCH_SUITE]
ALL_SKIP = "bench-single-cell-all-skip"


def sampled(name, seed=0):
    """A random genotype."""
    space, draw = SPACES[name], random.Random(seed)
    return space.decode([draw.randrange(options) for node in space.choices for options in node])


def derived(name):
    space, draw = SPACES[name], random.Random(1)
    return space.completed(space.derive([[draw.random() for _ in range(width)] for width in space.widths]))


def test_three_sizes_times_three_sets_of_candidates():
    assert len(NAMES) == len(set(NAMES)) == 9
    for space in BENCH_SUITE:
        operations = {name for edge in space.edges for name in edge.operations}
        assert len(operations) == (7 if "no-skip" in space.name else 8)
        assert ("skip_connect" in operations) == ("no-skip" not in space.name)
        kinds, edges = (1, 44) if "single" in space.name else (2, 14)
        assert [len(of_kind) for of_kind in space.cells.values()] == [edges] * kinds
        size = {"wide": (18, 4), "deep": (7, 18), "single": (26, 1)}[space.name.split("-")[1]]
        assert (space.macro().channels, space.macro().cells) == (space.final.channels, space.final.cells) == size


@cache
def size_of(name, width, stride):
    """The parameters of a candidate of the plain supernets."""
    return sum(p.numel() for p in operation(name, width, stride, False).parameters())


def counted(space, cells):
    """The parameters of a supernet for 10 classes: batch norms have none, but for that of the stem."""
    width, older, newer = space.macro().channels, 3 * space.macro().channels, 3 * space.macro().channels
    total = 27 * newer + 2 * newer
    for index in range(cells):
        kind = "reduce" if index in (cells // 3, 2 * cells // 3) else "normal"
        width *= 2 if kind == "reduce" else 1
        total += (older + newer) * width
        for edge in space.cells[kind]:
            names = [*edge.operations, *(["permanent"] if "all-skip" in space.name else [])]
            total += sum(size_of(name, width, 2 if kind == "reduce" and edge.source < 2 else 1) for name in names)
        older, newer = newer, 4 * width
    return total + 10 * newer + 10


@pytest.mark.parametrize("name", NAMES)
def test_supernets_have_the_parameters_of_the_plain_one_s_operations(name):
    """Of the deep ones two have 6 of their 18 cells here, to be built in a third of the time."""
    space = SPACES[name]
    fewer = {"cells": 6} if name in ("bench-deep-no-skip", "bench-deep-all-skip") else {}
    macro = replace(space.macro(), **fewer)
    with torch.device("meta"):
        net = space.supernet(macro, 10, SumOfOperations)
    assert sum(p.numel() for p in net.parameters()) == counted(space, macro.cells)


def test_the_plain_one_has_as_many():
    """At their full sizes, counted once on the modules of tests/plain_supernets.py."""
    sizes = {"bench-wide": 1_399_168, "bench-wide-no-skip": 1_347_328, "bench-wide-all-skip": 1_451_008}
    sizes |= {"bench-deep": 991_392, "bench-deep-no-skip": 983_552, "bench-deep-all-skip": 999_232}
    sizes |= {"bench-single-cell": 1_002_960, "bench-single-cell-no-skip": 959_696}
    sizes |= {"bench-single-cell-all-skip": 1_046_224}
    assert {name: counted(SPACES[name], SPACES[name].macro().cells) for name in NAMES} == sizes


@pytest.mark.parametrize("name", NAMES)
def test_final_networks_have_the_parameters_of_the_formula(name):
    """reports.parameters shares nothing with the networks."""
    space, genotype = SPACES[name], sampled(name)
    with torch.device("meta"):
        net = space.network(genotype, space.final.channels, space.final.cells, 10)
    count = parameters(json.dumps(genotype.to_json()), space.final.channels, space.final.cells, 10)
    assert sum(p.numel() for p in net.parameters()) == count


def test_a_final_edge_is_its_operation_plus_a_skip():
    """A network of such edges is one whose nodes have the skips as edges of their own."""
    genotype = sampled("bench-wide-all-skip")
    apart = []
    for kind, cell in genotype.cells:
        split = [[(name.removesuffix("_and_skip"), source) for name, source in node] for node in cell.nodes]
        nodes = tuple(tuple(e for edge in node for e in (edge, ("skip_connect", edge[1]))) for node in split)
        apart.append((kind, replace(cell, nodes=nodes)))
    torch.manual_seed(0)
    together = space_of(genotype).network(genotype, 4, 4, 5).double().eval()
    other = space_of(genotype).network(replace(genotype, cells=tuple(apart)), 4, 4, 5).double().eval()
    for ours, theirs in zip(together.parameters(), other.parameters(), strict=True):
        theirs.data.copy_(ours)
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(together(x), other(x), rtol=1e-12, atol=1e-12)


def test_drop_path_takes_an_edge_with_its_skip():
    genotype = sampled("bench-wide-all-skip")
    cell = space_of(genotype).network(genotype, 4, 4, 5).cells[0].eval()
    assert not any(isinstance(operation, nn.Identity) for operation in cell.operations)
    inputs = [State(torch.randn(2, 12, 8, 8)) for _ in range(2)]
    assert not cell(inputs, None, [torch.zeros(2, 1, 1, 1)] * len(cell.operations)).x.any()


def test_the_permanent_skips_are_beside_merged_edges_too():
    """The same skips, whatever the edge part; their names outlive a supernet with fewer operations."""
    space = SPACES["bench-wide-all-skip"]
    macro = replace(space.macro(), channels=2)
    nets = [space.supernet(macro, 5, outgoing) for outgoing in (SumOfOperations, MergedOperations)]
    fewer = space.restricted([edge.operations[1:3] for edge in space.edges]).supernet(macro, 5, SumOfOperations)
    skips = [[name for name, _ in net.pieces() if ".permanent." in name] for net in (*nets, fewer)]
    assert skips[0] == skips[1] == skips[2]
    assert len(skips[0]) == 2 * 8 * 4  # two reduction cells, 8 edges of stride 2, two kernels and two statistics
    assert matching_tensors(nets[0], plain_supernet(space, 2, 4, 5))


@pytest.mark.parametrize("make", [sampled, derived])
def test_a_genotype_says_its_skips(make):
    genotype = make("bench-deep-all-skip")
    assert all(name.endswith("_and_skip") for _, cell in genotype.cells for name, _ in cell.edges)
    assert parse(str(genotype)) == genotype == from_darts(to_darts(genotype))
    chosen = [name.removesuffix("_and_skip") for name, _ in genotype["normal"].edges]
    assert genotype["normal"].count("skip_connect", "sep_conv_3x3") == sum(
        name in ("skip_connect", "sep_conv_3x3") for name in chosen
    )


def test_the_one_cell_is_drawn_written_and_exported():
    genotype = derived(ALL_SKIP)
    cell = genotype["reduce"]
    assert (genotype.kinds, genotype.family, len(cell.nodes), cell.concat) == (("reduce",), "darts", 8, (6, 7, 8, 9))
    assert parse(str(genotype)) == genotype
    assert space_of(genotype).final.cells == 1
    assert "Reduction cell" in svg(genotype)
    assert parse(write(genotype, "json")) == genotype
    for notation in set(WRITERS) - {"json"}:
        with pytest.raises(HarnessError, match=r"cannot say it\.$"):
            write(genotype, notation)
    model = untrained(genotype, "cifar", ["size=1x4"], 5)
    code = source(model, "one")
    namespace = {"__name__": "one", "__file__": "one.py"}
    exec(code, namespace)
    network = namespace["build"]()
    network.load_state_dict(dict(model.weights))
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(network.eval()(x), model.network()(x))


def test_the_one_cell_makes_no_deeper_network():
    genotype = sampled("bench-single-cell")
    with pytest.raises(HarnessError, match="makes a network of 1 cell, and 20 are asked for; set a size of 1 cell"):
        space_of(genotype).network(genotype, 36, 20, 10)
    with pytest.raises(HarnessError, match="P-DARTS adds cells from stage to stage, and a supernet of bench-single"):
        resolve(CATALOGUE["p-darts"], SPACES["bench-single-cell"])
    assert parameters(str(genotype), 36, 20, 10) is None


def test_methods_of_the_family_apply_at_the_published_sizes():
    on = {name: {method for method in CATALOGUE if applies(CATALOGUE[method], SPACES[name])} for name in NAMES}
    assert on["bench-wide"] == on["bench-deep-all-skip"] == on["bench-single-cell"] | {"p-darts"}
    for method in ("pc-darts", "drnas", "gdas", "oles", "mergezarts", "rea"):
        resolve(CATALOGUE[method], SPACES["bench-deep"])
