"""ISTA-NAS' sparse codes: gates by explicit loops, supports, cells, frozen nodes, refused codes, and whole searches."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import SMALL, ToyDataset, run_to_end, same, space_of

from harness.core.errors import HarnessError
from harness.core.types import Budget
from methods import METHODS
from methods.derivations.best_pairs import BestPairs
from methods.derivations.derivation import Ranking
from methods.families import resolve
from methods.relaxations.lasso import kkt_residual
from methods.relaxations.sparse_code import SparseCode, nodes_of
from methods.relaxations.sparse_code_frozen import SparseCodeFrozen
from methods.schedules.clock import Clock
from methods.search.search import Search
from methods.stopping.all_frozen import AllFrozen
from spaces import SPACES
from spaces.counting import parameters

M, PENALTY, CLOCK = 7, 1e-5, Clock(0, 50, 0)
DARTS, BENCHMARK = SPACES["darts"], SPACES["nasbench201"]
RAGGED = DARTS.restricted([edge.operations[: 2 + row % 4] for row, edge in enumerate(DARTS.edges)])
CASES = {"darts": DARTS, "darts-none": SPACES["darts-none"], "s1": SPACES["s1"], "s3": SPACES["s3"], "ragged": RAGGED}
CASES |= {"nasbench201": BENCHMARK, "ragged edges": space_of((3, 2, 3))}


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def begun(space, relaxation=None, seed=0, scale=1.0):
    """A relaxation, an alpha in float64, and what is carried from it."""
    relaxation = relaxation or SparseCode()
    alpha = scale * torch.randn(relaxation.size(space), generator=draw(seed), dtype=torch.float64)
    return relaxation, alpha, relaxation.start(alpha, space, draw(seed + 100))


def flat_gates(relaxation, alpha, space, memory):
    """Those of the operations, in alpha's order."""
    gates = relaxation.gates(alpha, space, CLOCK, draw(), memory)
    assert gates.shape == (len(space.widths), max(space.widths))
    return torch.cat([row[:width] for row, width in zip(gates, space.widths, strict=True)])


def in_steps(relaxation, alpha, space, memory):
    """Node by node, as it is written down: (numbers of its operations, A, b, x, support by hand)."""
    for number, columns in enumerate(nodes_of(space)):
        rows = slice(M * number, M * number + M)
        matrix, code = memory["projection"][rows][:, columns], memory["code"][columns]
        count = 2 if "normal" in space.cells else 1
        largest = sorted(np.argsort(-code.abs().numpy(), kind="stable")[:count].tolist())
        yield columns, matrix, alpha[rows], code, largest


@pytest.mark.parametrize("name", CASES)
def test_gates_are_the_published_formula_and_their_gradient_reaches_b_through_the_support_alone(name):
    """z = A_S^T b' - E_S x_S with E = A^T A - 1, for another b' than x was recovered from."""
    space = CASES[name]
    relaxation, alpha, memory = begun(space)
    later = (alpha + 0.1 * torch.randn(alpha.shape, generator=draw(7), dtype=torch.float64)).requires_grad_()
    flat, weights = flat_gates(relaxation, later, space, memory), torch.randn(space.dimension, generator=draw(8))
    (weights * flat).sum().backward()
    nothing = set(range(space.dimension))
    for number, (columns, matrix, b, code, support) in enumerate(in_steps(relaxation, later.detach(), space, memory)):
        gradient = torch.zeros(M, dtype=torch.float64)
        for j in support:
            z = sum(matrix[i, j] * b[i] for i in range(M))
            for k in support:
                z -= (sum(matrix[i, k] * matrix[i, j] for i in range(M)) - float(j == k)) * code[k]
            assert float(flat[columns[j]].detach()) == pytest.approx(float(z), rel=1e-9, abs=1e-12)
            gradient += weights[columns[j]] * matrix[:, j]
        torch.testing.assert_close(later.grad[M * number : M * number + M], gradient)
        nothing -= {columns[j] for j in support}
    assert not flat[sorted(nothing)].any()
    count = (2 if "normal" in space.cells else 1) * len(nodes_of(space))
    assert int((flat != 0).sum()) == count == int(memory["support"].sum())


def test_where_nothing_has_moved_the_gate_of_the_only_operation_is_its_coefficient_and_the_penalty():
    """z = x + A^T (b - A x), and the residual of a LASSO has the penalty there."""
    space = space_of((1, 1))
    relaxation, alpha, memory = begun(space)
    code = memory["code"]
    torch.testing.assert_close(flat_gates(relaxation, alpha, space, memory), code + PENALTY * code.sign())


@pytest.mark.parametrize("name", CASES)
def test_codes_are_the_minima_for_the_current_alpha(name):
    """At the start and after an epoch; the matrices are those of the start, uniform, one for each node."""
    space = CASES[name]
    relaxation, alpha, first = begun(space, scale=1e-3)
    other = alpha + 0.01 * torch.randn(alpha.shape, generator=draw(3), dtype=torch.float64)
    before = {key: value.clone() for key, value in first.items()}
    second = relaxation.after_epoch(first, other, space, CLOCK)
    assert all(torch.equal(before[key], first[key]) for key in before)
    assert second["projection"] is first["projection"]
    assert not torch.equal(second["code"], first["code"])
    blocks = torch.zeros_like(first["projection"], dtype=torch.bool)
    for at, memory in ((alpha, first), (other, second)):
        for number, (columns, matrix, b, code, support) in enumerate(in_steps(relaxation, at, space, memory)):
            assert kkt_residual(matrix.numpy(), b.numpy(), PENALTY, code.numpy()) < 1e-14
            assert torch.nonzero(memory["support"][columns]).flatten().tolist() == support
            blocks[M * number : M * number + M, columns] = True
    entries = first["projection"][blocks]
    assert not first["projection"][~blocks].any()
    assert 0 <= entries.min() < 0.2
    assert 0.8 < entries.max() < 1
    assert entries.mean() == pytest.approx(0.5, abs=0.1)
    assert torch.equal(first["projection"], relaxation.start(other, space, draw(100))["projection"])
    assert not torch.equal(first["projection"], relaxation.start(other, space, draw(101))["projection"])


def test_what_cannot_be_derived_has_no_coefficient_and_what_can_be_has():
    for name in ("darts-none", "s3"):
        space = CASES[name]
        names = [operation for edge in space.edges for operation in edge.operations]
        has = [number for columns in nodes_of(space) for number in columns]
        assert sorted(has) == [number for number, operation in enumerate(names) if operation != "none"]
    assert [len(columns) for columns in nodes_of(SPACES["darts-none"])] == 2 * [14, 21, 28, 35]
    assert [len(columns) for columns in nodes_of(BENCHMARK)] == 6 * [5]
    assert (SparseCode().size(DARTS), SparseCode().size(BENCHMARK)) == (8 * M, 6 * M)


def test_float32_is_recovered_as_float64_is():
    relaxation, alpha, _ = begun(DARTS, scale=1e-3)
    rounded = relaxation.start(alpha.float(), DARTS, draw(1))
    exact = {key: value.double() if value.is_floating_point() else value for key, value in rounded.items()}
    exact = relaxation.after_epoch(exact, alpha.float().double(), DARTS, CLOCK)
    assert all(value.dtype in (torch.float32, torch.bool) for value in rounded.values())
    assert torch.equal(exact["support"], rounded["support"])
    torch.testing.assert_close(exact["code"].float(), rounded["code"])


def rows_of_strengths(relaxation, alpha, space, memory):
    strengths = relaxation.strengths(alpha, space, memory).tolist()
    return [row[:width] for row, width in zip(strengths, space.widths, strict=True)]


def test_a_cell_has_the_support_and_may_have_an_edge_twice():
    """The first node of the normal cell has edges 0 and 1; both of its operations are on the second, 7 to 13."""
    relaxation, alpha, memory = begun(DARTS)
    memory = {key: value.clone() for key, value in memory.items()}
    columns = nodes_of(DARTS)[0]
    memory["support"][columns] = False
    memory["support"][[8, 10]] = True
    memory["code"][[3, 8, 10]] = torch.tensor([5.0, -0.25, 0.125], dtype=torch.float64)
    strengths = rows_of_strengths(relaxation, alpha, DARTS, memory)
    assert strengths[:2] == [[0.0] * 7, [0.0, 0.25, 0.0, 0.125, 0.0, 0.0, 0.0]]
    genotype = BestPairs().derive(Ranking(DARTS, strengths))
    assert genotype["normal"].nodes[0] == (("avg_pool_3x3", 1), ("sep_conv_3x3", 1))


@pytest.mark.parametrize("name", ["darts", "darts-none", "s1", "ragged"])
@pytest.mark.parametrize("scale", [1.0, 0.0])
def test_cells_are_the_supports_even_where_no_code_is_worth_its_penalty(name, scale):
    space = CASES[name]
    relaxation, alpha, memory = begun(space, scale=scale)
    genotype = BestPairs().derive(Ranking(space, rows_of_strengths(relaxation, alpha, space, memory)))
    derived = {
        (kind, *edge, target)
        for kind, cell in genotype.cells
        for target, node in enumerate(cell.nodes, 2)
        for edge in node
    }
    pairs = [
        (kind, operation, edge.source, edge.target)
        for kind, edges in space.cells.items()
        for edge in edges
        for operation in edge.operations
    ]
    assert derived == {pair for pair, chosen in zip(pairs, memory["support"].tolist(), strict=True) if chosen}


def test_a_benchmark_cell_has_the_largest_coefficient_of_every_edge():
    relaxation, alpha, memory = begun(BENCHMARK)
    genotype = BestPairs().derive(Ranking(BENCHMARK, rows_of_strengths(relaxation, alpha, BENCHMARK, memory)))
    largest = memory["code"].abs().view(6, 5).argmax(1).tolist()
    expected = [edge.operations[i] for edge, i in zip(BENCHMARK.edges, largest, strict=True)]
    assert [operation for operation, _ in genotype["cell"].edges] == expected


def test_nodes_freeze_whose_codes_stay_and_their_gates_are_fixed():
    """Epoch 1 moves all but nodes 0 and 5, which freeze; epoch 2 all, and node 2 by little; epoch 3 none."""
    relaxation, alpha, memory = begun(DARTS, SparseCodeFrozen(most_parameters=0))
    assert relaxation.shown(memory) == {"frozen": [False] * 8}
    noise = torch.randn(8, M, generator=draw(5), dtype=torch.float64)
    first = alpha + (noise * torch.tensor([0, 1, 1, 1, 1, 1e-7, 1, 1])[:, None]).flatten()
    one = relaxation.after_epoch(memory, first, DARTS, CLOCK)
    assert relaxation.shown(one) == {"frozen": [True, False, False, False, False, True, False, False]}
    assert not torch.equal(one["code"][nodes_of(DARTS)[5]], memory["code"][nodes_of(DARTS)[5]])
    second = first + (noise * torch.tensor([1, 1, 1e-7, 1, 1, 1, 1, 1])[:, None]).flatten()
    two = relaxation.after_epoch(one, second, DARTS, CLOCK)
    assert [number for number, frozen in enumerate(relaxation.shown(two)["frozen"]) if frozen] == [0, 2, 5]
    three = relaxation.after_epoch(two, second, DARTS, CLOCK)
    assert all(relaxation.shown(three)["frozen"])

    plain = {key: value for key, value in one.items() if key not in ("frozen", "held")}
    expected = flat_gates(SparseCode(), first, DARTS, plain)
    for number, columns in enumerate(nodes_of(DARTS)):
        for later, at in ((one, second), (two, second), (two, 3 * second), (three, -second)):
            fixed = torch.equal(flat_gates(relaxation, at, DARTS, later)[columns], expected[columns])
            assert fixed == (number in (0, 5))
            assert torch.equal(later["code"][columns], one["code"][columns]) or number not in (0, 5)
    for number in range(8):
        at = (3 * second).requires_grad_()
        flat_gates(relaxation, at, DARTS, two)[nodes_of(DARTS)[number]].sum().backward()
        assert bool(at.grad.any()) == (number not in (0, 2, 5))


def size_of(memory, space=DARTS):
    rows = rows_of_strengths(SparseCode(), None, space, memory)
    with torch.device("meta"):
        return parameters(space.network(BestPairs().derive(Ranking(space, rows)), 36, 20, 10))


def test_codes_of_too_large_a_cell_are_refused_all_together():
    free = SparseCodeFrozen(most_parameters=0)
    _, alpha, memory = begun(DARTS, free)
    others = [torch.randn(alpha.shape, generator=draw(seed), dtype=torch.float64) for seed in (1, 2)]
    for other in others:
        other[:M] = alpha[:M]  # the first node's code does not move
    small, large = sorted(others, key=lambda other: size_of(free.after_epoch(memory, other, DARTS, CLOCK)))
    sizes = [size_of(free.after_epoch(memory, other, DARTS, CLOCK)) for other in (small, large)]
    assert sizes[0] < sizes[1]
    limited = SparseCodeFrozen(most_parameters=sizes[1])
    refused = limited.after_epoch(memory, large, DARTS, CLOCK)
    for key in ("code", "support", "offset"):
        assert torch.equal(refused[key], memory[key])
    assert refused["frozen"].tolist() == [True] + [False] * 7
    assert torch.equal(refused["held"], large)
    accepted = limited.after_epoch(refused, small, DARTS, CLOCK)
    assert size_of(accepted) == sizes[0]
    assert torch.equal(accepted["code"], free.after_epoch(memory, small, DARTS, CLOCK)["code"])
    bits = torch.get_rng_state()
    assert size_of(SparseCodeFrozen(most_parameters=sizes[1] + 1).after_epoch(memory, large, DARTS, CLOCK)) == sizes[1]
    assert torch.equal(torch.get_rng_state(), bits)


def search_of(method, space, epochs=2, **settings):
    cells = {"cells": 1} if space == "nasbench201" else {}
    user = SMALL | cells | {"alpha_lr": 0.1} | settings
    parts = METHODS[method].parts(SPACES[space], Budget(epochs), user=user)
    return Search(parts, SPACES[space], ToyDataset(24), 0, "cpu", Budget(epochs))


@pytest.mark.parametrize("method", ["ista-nas", "ista-nas-single"])
@pytest.mark.parametrize("space", ["s3", "nasbench201"])
def test_supports_are_piecewise_constant_and_searches_resume_to_the_bit(method, space, tmp_path):
    search = search_of(method, space)
    state, supports = search.start(), []
    while not state.stopped_by:
        before, code, epoch = state.alpha, state.relaxed["code"], state.epoch
        state = search.advance(state)
        gates = search.parts.relaxation.gates(state.alpha, SPACES[space], CLOCK, draw(), state.relaxed)
        assert not torch.equal(state.alpha, before)
        assert torch.equal(state.relaxed["code"], code) == (state.epoch == epoch)
        assert int((gates != 0).sum()) == int(state.relaxed["support"].sum())
        supports.append((epoch, state.relaxed["support"]))
    assert not torch.equal(supports[0][1], supports[-1][1])
    for steps in (search.steps(0) - 1, search.steps(0) + 1):
        first = search_of(method, space)
        middle = first.start()
        for _ in range(steps):
            middle = first.advance(middle)
        torch.save(middle.to_dict(), tmp_path / "state.pt")
        again = search_of(method, space)
        saved = torch.load(tmp_path / "state.pt", weights_only=True)
        assert same(run_to_end(again, again.restore(saved)), state)


def test_a_search_ends_when_all_nodes_are_frozen():
    search = search_of("ista-nas-single", "s1", freeze_below=100.0)
    state = run_to_end(search)
    result = search.result(state)
    assert (result.stopped_by, len(result.records)) == ("frozen", 1)
    assert result.records[-1]["frozen"] == [True] * 8
    assert str(result.genotype) == result.records[-1]["genotype"]
    assert search.how_found(result.records, "frozen").startswith("that of the epoch after which every node was frozen")
    assert "last epoch" in search.how_found(result.records, "epochs")
    json.dumps(result.records, allow_nan=False)
    rows = rows_of_strengths(SparseCode(), None, SPACES["s1"], state.relaxed)
    assert result.genotype == BestPairs().derive(Ranking(SPACES["s1"], rows))


def test_all_frozen_is_all_and_needs_nodes_that_freeze():
    records = [{"epoch": 3, "frozen": [True, True]}, {"epoch": 4, "frozen": [True, False]}]
    assert AllFrozen().ending(records, 10) is None
    ending = AllFrozen().ending(records[:1], 10)
    assert (ending.stopped_by, ending.epoch) == ("frozen", 3)
    with pytest.raises(HarnessError, match="all-frozen needs a relaxation whose nodes freeze"):
        AllFrozen().ending([{"epoch": 0}], 10)


def test_nodes_that_never_freeze_are_told_before_the_search():
    base = METHODS["ista-nas-single"].composition
    resolve(base, SPACES["s1"])
    with pytest.raises(HarnessError, match="all-frozen needs a relaxation whose nodes freeze"):
        resolve(replace(base, relaxation="sparse-code"), SPACES["s1"])


def test_operations_are_not_dropped_where_alpha_has_no_logits_of_theirs():
    base = METHODS["ista-nas"].composition
    with pytest.raises(HarnessError, match=r"schedule progressive .* relaxation sparse-code has no logit for each"):
        resolve(replace(base, schedule="progressive"), DARTS)
    settings = SMALL | {"epochs": 3, "cells_added": 0, "keep_second": 2, "keep_third": 2}
    staged = resolve(replace(base, schedule="staged"), SPACES["s3"], user=settings)
    state = run_to_end(Search(staged, SPACES["s3"], ToyDataset(), 0, "cpu", Budget()))
    assert state.relaxed["code"].shape == (SPACES["s3"].restricted(state.kept).dimension,)


def test_the_methods_have_their_published_settings():
    two = METHODS["ista-nas"].parts(DARTS, Budget())
    one = METHODS["ista-nas-single"].parts(DARTS, Budget())
    assert (two.training.epochs, two.training.batch, two.data.valid_batch) == (50, 256, 256)
    assert (two.training.lr, two.training.lr_min, two.rule.alpha_lr) == (0.1, 0.001, 6e-4)
    assert (one.training.batch, one.rule.alpha_lr, one.macro.cells, one.macro.channels) == (96, 3e-4, 20, 36)
    assert {one.training.lr_at(epoch) for epoch in (0, 100, 599)} == {0.025}
    for parts in (two, one):
        assert (parts.rule.alpha_beta1, parts.rule.alpha_weight_decay) == (0.5, 1e-3)
        assert (parts.relaxation.measurements, parts.relaxation.penalty) == (7, 1e-5)
    small = METHODS["ista-nas-single"].parts(BENCHMARK, Budget())
    assert (small.macro.cells, small.macro.channels) == (BENCHMARK.final.cells, BENCHMARK.final.channels)
